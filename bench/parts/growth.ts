/**
 * What a server costs that has grown: each kind of growth beside a small server, in turn. What is measured is a start
 * to the first answer, memory, and processor time: of puts and reads of a stream of 4 shards, and of doing nothing.
 */
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { subscribe } from '../fan-out.ts'
import { growLog } from '../grown-log.ts'
import { createMany, text } from '../loads.ts'
import { shortNumber, spreadText } from '../page.ts'
import { inTurn, type SideResult } from '../pairs.ts'
import { type Bench, once as single, type Part, type PartReport } from '../part.ts'
import type { MeasuredProcess } from '../processes.ts'
import { call, signedRequest } from '../requests.ts'
import { median, ratios, type Spread, spreadOf } from '../statistics.ts'

const SHARDS = 10_000
const STREAMS = 1_000
const CONNECTIONS = 1_000
/** Each of five streams has ten: AWS allows twenty. */
const CONSUMERS = 50
const CONSUMERS_PER_STREAM = 10
/** Of the stream that is put to and read from on every server. */
const BUSY_SHARDS = 4

interface GrowthSettings {
  readonly rounds: number
  readonly durationMs: number
  /** Not counted. */
  readonly warmUpRounds: number
  /** What follows a start in the background is not idling. */
  readonly settleMs: number
  /** How long servers are watched then that nobody asks anything. */
  readonly idleMs: number
}

/** Start, resident, put and get as ratios to a small server. */
interface GrowthRow {
  readonly growth: string
  readonly start?: Spread
  readonly resident: number
  /** Of both, ms of processor time a second. */
  readonly idle?: { readonly small: number; readonly grown: number }
  readonly put?: Spread
  readonly get?: Spread
  /** Of the small server: ms to the first answer, MiB, and µs of processor time a put and a read. */
  readonly absolute?: {
    readonly startMs: number
    readonly residentMiB: number
    readonly putUs: number
    readonly getUs: number
  }
}

interface Growth {
  readonly growth: string
  /** Makes a server grow; resolves with what lets go of it. */
  readonly grow: (server: MeasuredProcess) => Promise<() => void>
  /** It is there after a restart: then its start and its idling are measured too. */
  readonly isStored: boolean
  /** Puts and reads beside it are measured. */
  readonly isLoaded: boolean
}

const nothing = (): void => undefined

const growths = (gib: number): readonly Growth[] => [
  { growth: `${SHARDS} shards`, grow: growShards, isStored: true, isLoaded: true },
  { growth: `${STREAMS} streams`, grow: growStreams, isStored: true, isLoaded: true },
  {
    growth: `${gib} GiB of log`,
    grow: async ({ port }) => (await growLog(port, 'busy', gib), nothing),
    isStored: true,
    isLoaded: false,
  },
  { growth: `${CONNECTIONS} idle connections`, grow: growConnections, isStored: false, isLoaded: true },
  {
    growth: `${CONSUMERS} registered consumers, subscribed to idle shards`,
    grow: growConsumers,
    isStored: false,
    isLoaded: true,
  },
]

export const growthPart: Part = { name: 'growth', heading: '## Growth', isLong: true, run: growth }

async function growth(bench: Bench): Promise<PartReport> {
  const settings = bench.pick(
    { rounds: 5, durationMs: 400, warmUpRounds: 3, settleMs: 2_000, idleMs: 6_000 },
    { rounds: 1, durationMs: 150, warmUpRounds: 1, settleMs: 300, idleMs: 500 },
  )
  const { rounds, durationMs, idleMs } = settings
  const rows = await growthRows(bench, settings)
  const note =
    `A server that has grown beside one with a stream of 4 shards, in turn: ${rounds} starts, then ${rounds} rounds of ${durationMs / 1000} s of PutRecord and of ` +
    `GetRecords (100 × 100 B) on that stream, 8 connections. CPU is processor time of the server, for each request; idle CPU over ${idleMs / 1000} s without ` +
    'any, once what follows a start has settled: the collector’s rounds are most of it.'
  const columns = [
    'What grew',
    'Start to first answer',
    'Resident',
    'CPU of PutRecord',
    'CPU of GetRecords',
    'Idle CPU',
  ]
  const bars = rows.flatMap(({ growth: label, put }) =>
    put === undefined ? [] : [{ label, value: put, isOurs: label !== 'nothing' }],
  )
  return {
    findings: [],
    notes: [note],
    tables: [{ title: '', columns, rows: rows.map(cellsOf) }],
    pictures: [{ name: 'growth', title: 'CPU of a PutRecord beside what has grown', unit: '×', bars }],
  }
}

function cellsOf({ growth: what, start, resident, put, get, idle, absolute }: GrowthRow): string[] {
  const spread = (value: Spread | undefined): string => (value === undefined ? '' : spreadText(value, '×'))
  const ratio = (value: number | undefined): string => spread(value === undefined ? undefined : single(value))
  const idleText = idle === undefined ? '' : `${shortNumber(idle.grown)} (${shortNumber(idle.small)} beside it)`
  if (absolute === undefined) return [what, spread(start), ratio(resident), spread(put), spread(get), idleText]
  return [
    what,
    `${absolute.startMs.toFixed(0)} ms`,
    `${absolute.residentMiB.toFixed(0)} MiB`,
    `${absolute.putUs.toFixed(0)} µs`,
    `${absolute.getUs.toFixed(0)} µs`,
    '',
  ]
}

async function growthRows(bench: Bench, settings: GrowthSettings): Promise<GrowthRow[]> {
  const start: Start = (name) => bench.millrace(name)
  await prepare(start, 'small', async () => nothing)
  const rows: GrowthRow[] = []
  let small: GrowthRow['absolute']
  for (const [i, { growth: what, grow, isStored, isLoaded }] of growths(bench.gib).entries()) {
    const name = `growth-${i}`
    bench.tell(what)
    await prepare(start, name, isStored ? grow : async () => nothing)
    const starts = isStored ? await startsInTurn(['small', name], start, settings.rounds) : undefined
    const [base, grown] = await Promise.all([start('small'), start(name)])
    await Promise.all([base, grown].map(firstAnswer))
    const letGo = isStored ? nothing : await grow(grown)
    const [baseMiB, grownMiB] = [base.residentMiB(), grown.residentMiB()]
    const idle = isStored ? await idleCpu([base, grown], settings) : undefined
    const cpu = isLoaded ? await loadsInTurn([base, grown], settings) : undefined
    letGo()
    await Promise.all([base.stop(), grown.stop()])
    rows.push({
      growth: what,
      resident: grownMiB / baseMiB,
      ...(starts === undefined ? {} : { start: spreadOf(ratios(starts[1] ?? [], starts[0] ?? [])) }),
      ...(idle === undefined ? {} : { idle: { small: 1e3 * (idle[0] ?? NaN), grown: 1e3 * (idle[1] ?? NaN) } }),
      ...(cpu === undefined ? {} : { put: cpuRatio(cpu.puts), get: cpuRatio(cpu.gets) }),
    })
    if (small === undefined && starts !== undefined && cpu !== undefined)
      small = {
        startMs: median(starts[0] ?? []),
        residentMiB: baseMiB,
        putUs: 1e6 * median(cpu.puts[0]?.cpuSecondsPerUnit ?? []),
        getUs: 1e6 * median(cpu.gets[0]?.cpuSecondsPerUnit ?? []),
      }
  }
  const one = single(1)
  const base = { growth: 'nothing', start: one, resident: 1, put: one, get: one }
  return [small === undefined ? base : { ...base, absolute: small }, ...rows]
}

type Start = (name: string) => Promise<MeasuredProcess>

/** A directory with the busy stream and what else is in it. */
async function prepare(start: Start, name: string, grow: Growth['grow']): Promise<void> {
  const server = await start(name)
  await call(server.port, 'CreateStream', { StreamName: 'busy', ShardCount: BUSY_SHARDS })
  await grow(server)
  await server.stop()
}

const firstAnswer = (server: MeasuredProcess): Promise<unknown> =>
  call(server.port, 'DescribeStreamSummary', { StreamName: 'busy' })

/** Milliseconds to the first answer, of each directory once per round. */
async function startsInTurn(names: readonly string[], start: Start, rounds: number): Promise<number[][]> {
  const results: number[][] = names.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, name] of names.entries()) {
      const startedAt = performance.now()
      const server = await start(name)
      await firstAnswer(server)
      results[i]?.push(performance.now() - startedAt)
      await server.stop()
    }
  return results
}

/** Processor seconds per second, of all of them in the same time. */
async function idleCpu(servers: readonly MeasuredProcess[], { settleMs, idleMs }: GrowthSettings): Promise<number[]> {
  await sleep(settleMs)
  const before = servers.map((server) => server.cpuSeconds())
  await sleep(idleMs)
  return servers.map((server, i) => (server.cpuSeconds() - (before[i] ?? NaN)) / (idleMs / 1000))
}

async function loadsInTurn(
  servers: readonly MeasuredProcess[],
  { rounds, durationMs, warmUpRounds }: GrowthSettings,
): Promise<{ readonly puts: readonly SideResult[]; readonly gets: readonly SideResult[] }> {
  // A server that has just started compiles for seconds: with fewer rounds before, that was what differed.
  const options = { rounds, durationMs, connections: 8, warmUpRounds }
  const sides = (requests: readonly Uint8Array[]) =>
    servers.map((process, i) => {
      const request = requests[i] ?? new Uint8Array()
      return { process, request: () => request, unitsPerRequest: 1 }
    })
  // Reads first: what they read is then in the tail on both.
  const gets = await inTurn(sides(await Promise.all(servers.map(({ port }) => readRequest(port)))), options)
  const put = { StreamName: 'busy', PartitionKey: 'key', Data: text(100, 1) }
  const puts = await inTurn(sides(servers.map(({ port }) => signedRequest(port, 'PutRecord', put))), options)
  return { puts, gets }
}

/** A read of 100 records that were just written. */
async function readRequest(port: number): Promise<Uint8Array> {
  const stream = { StreamName: 'busy' }
  const { ShardIterator } = await call(port, 'GetShardIterator', {
    ...stream,
    ShardId: '0',
    ShardIteratorType: 'LATEST',
  })
  const Records = Array.from({ length: 100 }, (_, i) => ({
    PartitionKey: `key-${i}`,
    ExplicitHashKey: '0',
    Data: text(100, i),
  }))
  await call(port, 'PutRecords', { ...stream, Records })
  return signedRequest(port, 'GetRecords', { ShardIterator, Limit: 100 })
}

/** Most of the shards hold a record or two. */
async function growShards({ port }: MeasuredProcess): Promise<() => void> {
  await call(port, 'CreateStream', { StreamName: 'wide', ShardCount: SHARDS })
  await createMany((2 * SHARDS) / 500, (i) =>
    call(port, 'PutRecords', {
      StreamName: 'wide',
      Records: Array.from({ length: 500 }, (_, j) => ({ PartitionKey: `key-${i}-${j}`, Data: text(100, j) })),
    }),
  )
  return nothing
}

async function growStreams({ port }: MeasuredProcess): Promise<() => void> {
  await createMany(STREAMS, (i) => call(port, 'CreateStream', { StreamName: `stream-${i}`, ShardCount: 1 }))
  return nothing
}

/** Each was answered once. */
async function growConnections({ port }: MeasuredProcess): Promise<() => void> {
  const request = signedRequest(port, 'DescribeStreamSummary', { StreamName: 'busy' })
  const sockets: Socket[] = []
  await createMany(CONNECTIONS, async () => {
    const socket = connect({ port, host: '127.0.0.1' })
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(request)
    await once(socket, 'data')
  })
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

/** Each in a session of its own, to all the shards of its stream. */
async function growConsumers({ port }: MeasuredProcess): Promise<() => void> {
  const sessions = Array.from({ length: CONSUMERS }, () => connectHttp2(`http://127.0.0.1:${port}`))
  for (let i = 0; i < CONSUMERS / CONSUMERS_PER_STREAM; i++)
    await call(port, 'CreateStream', { StreamName: `idle-${i}`, ShardCount: BUSY_SHARDS })
  for (const [i, session] of sessions.entries()) {
    const stream = `idle-${Math.floor(i / CONSUMERS_PER_STREAM)}`
    const { Consumer } = await call(port, 'RegisterStreamConsumer', {
      StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
      ConsumerName: `consumer-${i}`,
    })
    const { ConsumerARN } = Consumer as { ConsumerARN: string }
    for (let shard = 0; shard < BUSY_SHARDS; shard++) await subscribe(session, port, ConsumerARN, shard, nothing)
  }
  return () => {
    for (const session of sessions) session.destroy()
  }
}

function cpuRatio([base, grown]: readonly SideResult[]): Spread {
  return spreadOf(ratios(grown?.cpuSecondsPerUnit ?? [], base?.cpuSecondsPerUnit ?? []))
}
