/**
 * Every bound of the front door, in one table: how much, in which unit, and what happens at it. The listener takes
 * its numbers from here and nowhere else; docs/reference/limits.md is generated from it, and limits.test.ts drives
 * the real listener to each of them.
 */

export interface LimitRow {
  readonly value: number
  readonly unit: 'bytes' | 'ms' | 'connections' | 'requests' | 'streams' | 'headers' | 'events' | 'events/s' | 'MiB'
  /** What is bounded, and why by so much. */
  readonly bounds: string
  /** What the one at the bound sees. Others are served meanwhile. */
  readonly atLimit: string
}

const KiB = 1024
const MiB = 1024 * KiB

export const limitRows = {
  connectionsMax: {
    value: 4096,
    unit: 'connections',
    bounds: 'Open connections, of every protocol together.',
    atLimit: 'A further connection is closed as soon as it is accepted.',
  },
  firstBytesMs: {
    value: 10_000,
    unit: 'ms',
    bounds: 'From the connection to its first four bytes, which tell TLS, HTTP/2 and HTTP/1.1 apart.',
    atLimit: 'The connection is closed.',
  },
  tlsHandshakeMs: {
    value: 10_000,
    unit: 'ms',
    bounds: 'A TLS handshake.',
    atLimit: 'The connection is closed.',
  },
  headersMs: {
    value: 10_000,
    unit: 'ms',
    bounds: 'From the first byte of an HTTP/1.1 request to the end of its headers.',
    atLimit: '408, and the connection is closed.',
  },
  headerBytesMax: {
    value: 32 * KiB,
    unit: 'bytes',
    bounds: 'Request line and headers of one request. Session tokens make them long.',
    atLimit: 'HTTP/1.1: 431, and the connection is closed. HTTP/2: the stream is reset.',
  },
  bodyBytesMax: {
    // 10 MiB of data are 13.34 MiB in base64; 500 entries of JSON with keys of 256 escaped characters add 0.8 MiB.
    value: 15 * MiB,
    unit: 'bytes',
    bounds: 'The body of one request: 10 MiB of data in base64 with the JSON around it.',
    atLimit: '413 without reading the body (announced length) or the rest of it (chunked); the connection is closed.',
  },
  bodyMs: {
    value: 60_000,
    unit: 'ms',
    bounds: 'From the end of the headers to the end of the body.',
    atLimit: '408, and the connection (HTTP/2: the stream) is closed.',
  },
  bodiesBytesMax: {
    value: 128 * MiB,
    unit: 'bytes',
    bounds: 'All request bodies in memory, of unfinished requests too.',
    atLimit: 'Connections that send more of a body are not read from until there is room.',
  },
  bodiesWaitMs: {
    value: 500,
    unit: 'ms',
    bounds: 'How long bodies wait for room before an unfinished one is given up for them.',
    atLimit: 'The unfinished body that has been silent longest (if none is: the largest) is answered 503 and closed.',
  },
  requestsMax: {
    value: 4096,
    unit: 'requests',
    bounds:
      'Requests between the end of their headers and their answer. Those that wait behind another of their HTTP/1.1 connection count only when it is their turn (`pipelinedBytesMax` bounds them).',
    atLimit: '503 `ServiceUnavailable`.',
  },
  eventStreamsMax: {
    value: 2048,
    unit: 'streams',
    bounds: 'Event streams (subscriptions to shards) at once. They do not count as requests.',
    atLimit: '503 `ServiceUnavailable`.',
  },
  handlingMs: {
    value: 20_000,
    unit: 'ms',
    bounds: 'The deadline handed to an operation when its request is complete.',
    atLimit: 'What is undecided is answered 500 `InternalFailure`.',
  },
  handlingGraceMs: {
    value: 2_000,
    unit: 'ms',
    bounds: 'How long after its deadline an operation may still answer by itself.',
    atLimit: 'The listener answers 500 `InternalFailure` in its place.',
  },
  responseMs: {
    value: 60_000,
    unit: 'ms',
    bounds: 'How long an answer may wait for its reader; for an event stream, one event.',
    atLimit: 'The connection (HTTP/2: the stream) is closed.',
  },
  answersBytesMax: {
    value: 256 * MiB,
    unit: 'bytes',
    bounds: 'Answers in memory that their readers have not taken yet. What several share counts once.',
    atLimit: 'A further one of 1 MiB and more takes the place of older ones (`answersWaitMs`), or is answered 503.',
  },
  answersWaitMs: {
    value: 2_000,
    unit: 'ms',
    bounds: 'How long an answer is waited for when there is no room for others.',
    atLimit: 'Its connection (HTTP/2: the stream) is closed, the longest waiting first.',
  },
  keepAliveIdleMs: {
    // Longer than the 60 s after which common clients drop idle connections, so that the client closes first.
    value: 75_000,
    unit: 'ms',
    bounds: 'How long a connection may stay open without a request.',
    atLimit: 'The connection is closed (HTTP/2: GOAWAY first).',
  },
  lingerMs: {
    value: 1_000,
    unit: 'ms',
    bounds: 'How long the rest of a refused body is read and thrown away, so that its sender can see the answer.',
    atLimit: 'The connection is closed.',
  },
  pipelinedMax: {
    value: 16,
    unit: 'requests',
    bounds:
      'Requests of one HTTP/1.1 connection that wait for the answer before theirs, and those in the same KiB behind them. Of usual ones (decision 090), what one read of its socket brings.',
    atLimit: 'The connection is not read from until half of them are answered.',
  },
  pipelinedBytesMax: {
    // An eighth of `bodiesBytesMax`: they are never given up, and bodies must have the rest. Some 200 connections with
    // a usual request and a little behind it, or 100 with `pipelinedMax` small others; from Node 22 on 130 or 70.
    value: 16 * MiB,
    unit: 'bytes',
    bounds:
      'What waits on all HTTP/1.1 connections behind the requests that are served: of usual ones (decision 090) what was read and what a paused socket may still read, 80 KiB; of others their heads, 2 KiB each for what is made of them, up to 80 KiB of their bodies, and 144 KiB for what a paused connection has read. Node from 22 on buffers 64 instead of 16 KiB: there it is 128, 128 and 192 KiB. Part of `bodiesBytesMax`.',
    atLimit: 'Behind a usual request, the connection is closed after its answer; behind another, at once.',
  },
  drainMs: {
    value: 8_000,
    unit: 'ms',
    bounds: 'How long requests in flight may finish when the server stops.',
    atLimit: 'Their connections are closed.',
  },
  h2StreamsMax: {
    value: 128,
    unit: 'streams',
    bounds: 'Open streams of one HTTP/2 session.',
    atLimit: 'A further stream is refused (REFUSED_STREAM).',
  },
  h2SessionMiBMax: {
    // 128 events of 256 KiB of data are 44 MiB in base64.
    value: 64,
    unit: 'MiB',
    bounds:
      'Memory of one HTTP/2 session: streams, header tables, answers not yet sent. Room for an event of every stream, or for four answers of 10 MiB.',
    atLimit: 'A further stream is refused (ENHANCE_YOUR_CALM).',
  },
  h2HeadersMax: {
    value: 100,
    unit: 'headers',
    bounds: 'Headers of one HTTP/2 request.',
    atLimit: 'The stream is reset.',
  },
  h2ResetsMax: {
    value: 200,
    unit: 'events',
    bounds: 'Streams of one session that the client resets before they are answered, at once.',
    atLimit: 'The session is closed (ENHANCE_YOUR_CALM).',
  },
  h2ResetsPerSecond: {
    value: 50,
    unit: 'events/s',
    bounds: 'The same, lasting.',
    atLimit: 'The session is closed (ENHANCE_YOUR_CALM).',
  },
  h2ControlFramesMax: {
    value: 100,
    unit: 'events',
    bounds: 'PING and SETTINGS frames of one session, at once.',
    atLimit: 'The session is closed (ENHANCE_YOUR_CALM).',
  },
  h2ControlFramesPerSecond: {
    value: 20,
    unit: 'events/s',
    bounds: 'The same, lasting.',
    atLimit: 'The session is closed (ENHANCE_YOUR_CALM).',
  },
  workerBodyBytesMin: {
    value: MiB,
    unit: 'bytes',
    bounds: 'Bodies larger than this are hashed, parsed and decoded in a thread of their own.',
    atLimit: 'Small requests do not wait for large ones.',
  },
  workerQueueMax: {
    value: 512,
    unit: 'requests',
    bounds: 'Large bodies that wait for that thread.',
    atLimit: '503 `ServiceUnavailable`.',
  },
  workerIdleMs: {
    value: 3_000,
    unit: 'ms',
    bounds: 'Idle time of that thread.',
    atLimit: 'It ends, and its memory goes back; the next large body starts another.',
  },
} as const satisfies Readonly<Record<string, LimitRow>>

export type LimitName = keyof typeof limitRows

/** The numbers alone, as the listener uses them. */
export type FrontDoorLimits = { readonly [Name in LimitName]: number }

export const frontDoorLimits: FrontDoorLimits = Object.fromEntries(
  Object.entries(limitRows).map(([name, row]) => [name, row.value]),
) as FrontDoorLimits
