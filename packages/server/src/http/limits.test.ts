/** A real listener, driven to each row of limits.ts, and what the others see meanwhile. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect as h2connect, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

import { type Clock, deferred, silentLogger, systemClock, systemRandom } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { afterEach, describe, expect, it } from 'vitest'

import { BodyWorker, type BodyWorkerOptions } from './body-worker.ts'
import { selfSignedCertificate } from './certificate.ts'
import { type FrontDoorLimits, frontDoorLimits, type LimitName, limitRows } from './limits.ts'
import { Listener } from './listener.ts'
import type { Dispatch } from './wire.ts'

/** Short enough for a test, long enough for a busy machine to do its part in time. */
const SHORT_MS = 120
const MiB = 1024 * 1024
const identity = selfSignedCertificate({ names: ['localhost'], nowMs: Date.now(), random: systemRandom })

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const answerLength: Dispatch = async ({ body }) => ({ status: 200, headers: {}, body: [Buffer.from(`${body.length}`)] })

async function listen(
  limits: Partial<FrontDoorLimits>,
  dispatch: Dispatch = answerLength,
  clock: Clock = systemClock,
): Promise<Listener> {
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    dispatch,
    limits: { ...frontDoorLimits, ...limits },
    clock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: async () => identity,
  })
  closers.push(() => listener.close())
  return listener
}

interface Raw {
  readonly socket: Socket
  /** All that came, once the server closed. */
  readonly closed: Promise<string>
  /** Resolves when what came so far matches. */
  until(pattern: RegExp): Promise<string>
}

function raw(listener: Listener, ...pieces: readonly (string | Buffer)[]): Raw {
  const socket = connect(listener.port, '127.0.0.1')
  closers.push(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  // A close with unread bytes is a reset: a close all the same.
  socket.on('error', () => {})
  for (const piece of pieces) socket.write(piece)
  return {
    socket,
    closed: once(socket, 'close').then(() => text),
    async until(pattern) {
      while (!pattern.test(text)) await once(socket, 'data')
      return text
    },
  }
}

const head = (more: string): string => `POST / HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`
const post = (body: string): string => head(`Content-Length: ${Buffer.byteLength(body)}\r\n`) + body

/** A client beside the one at the limit. */
async function neighbourIsServed(listener: Listener): Promise<void> {
  const { socket, until } = raw(listener, post('beside'))
  await until(/\r\n\r\n6$/)
  socket.destroy()
}

function session(listener: Listener): ClientHttp2Session {
  const client = h2connect(`http://127.0.0.1:${listener.port}`)
  client.on('error', () => {})
  closers.push(() => client.destroy())
  return client
}

/** How a stream ended: its status, or the code it was reset with. */
function ended(client: ClientHttp2Session, headers: Record<string, string> = {}, body?: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const stream = client.request({ ':method': 'POST', ':path': '/', ...headers }, { endStream: body === undefined })
    let status = ''
    stream.on('response', (response) => (status = String(response[':status'])))
    stream.on('error', () => {})
    stream.on('close', () => resolve(status === '' ? `reset ${stream.rstCode}` : status))
    stream.resume()
    if (body !== undefined) stream.end(body)
  })
}

const never: Dispatch = () => new Promise(() => {})

/** A dispatch that answers when told to. */
function held(): { readonly dispatch: Dispatch; readonly arrived: () => Promise<void>; readonly release: () => void } {
  const gate = deferred<void>()
  let count = 0
  let wake = deferred<void>()
  return {
    dispatch: async (request) => {
      count++
      wake.resolve()
      await gate.promise
      return answerLength(request)
    },
    async arrived() {
      if (count === 0) await wake.promise
      count--
      wake = deferred()
    },
    release: () => gate.resolve(),
  }
}

/** One test for each row: a limit without one does not compile. */
const rows: Readonly<Record<LimitName, () => Promise<void>>> = {
  async connectionsMax() {
    const listener = await listen({ connectionsMax: 2 })
    const first = raw(listener, post('a'))
    const second = raw(listener, post('b'))
    await Promise.all([first.until(/200/), second.until(/200/)])
    expect(await raw(listener, post('c')).closed).toBe('')
    first.socket.destroy()
    await once(first.socket, 'close')
    await expect.poll(() => listener.gauges().connections).toBe(1)
    await neighbourIsServed(listener)
  },

  async firstBytesMs() {
    const listener = await listen({ firstBytesMs: SHORT_MS })
    const silent = raw(listener)
    const hesitant = raw(listener, 'PRI')
    await neighbourIsServed(listener)
    expect(await silent.closed).toBe('')
    expect(await hesitant.closed).toBe('')
  },

  async tlsHandshakeMs() {
    const listener = await listen({ tlsHandshakeMs: SHORT_MS })
    // The start of a ClientHello of 512 bytes whose rest never comes.
    const half = raw(listener, Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]))
    await neighbourIsServed(listener)
    await half.closed
  },

  async headersMs() {
    const listener = await listen({ headersMs: SHORT_MS })
    const { socket, closed } = raw(listener, 'POST / HTTP/1.1\r\nHost: a\r\n')
    const drip = setInterval(() => socket.write('X-Drip: 1\r\n'), 20)
    await neighbourIsServed(listener)
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /)
    clearInterval(drip)
    // HTTP/2: the preface, and then no SETTINGS.
    await raw(listener, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').closed
  },

  async headerBytesMax() {
    const listener = await listen({ headerBytesMax: 4096 })
    expect(await raw(listener, head(`X-Long: ${'x'.repeat(5000)}\r\n`)).closed).toMatch(/^HTTP\/1\.1 431 /)
    const client = session(listener)
    expect(await ended(client)).toBe('200')
    expect(await ended(client, { 'x-long': 'x'.repeat(5000) })).toBe(`reset ${constants.NGHTTP2_ENHANCE_YOUR_CALM}`)
    expect(await ended(client)).toBe('200')
  },

  async bodyBytesMax() {
    const listener = await listen({ bodyBytesMax: 1000, bodyMs: 10_000, lingerMs: SHORT_MS })
    expect(await raw(listener, post('x'.repeat(1001))).closed).toMatch(/^HTTP\/1\.1 413 /)
    const chunked = head('Transfer-Encoding: chunked\r\n')
    const chunk = `1f4\r\n${'x'.repeat(500)}\r\n`
    expect(await raw(listener, chunked, chunk, chunk, chunk).closed).toMatch(/^HTTP\/1\.1 413 /)
    expect(await raw(listener, chunked, chunk, chunk, '0\r\n\r\n').until(/200 OK[^]*1000/)).toContain('1000')
    const client = session(listener)
    expect(await ended(client, {}, Buffer.alloc(1001))).toBe('413')
    expect(await ended(client, { 'content-length': '1001' }, Buffer.alloc(1001))).toBe('413')
    expect(await ended(client, {}, Buffer.alloc(1000))).toBe('200')
  },

  async bodyMs() {
    const listener = await listen({ bodyMs: SHORT_MS, lingerMs: SHORT_MS })
    const { socket, closed } = raw(listener, head('Content-Length: 1000\r\n'))
    const drip = setInterval(() => socket.write('x'), 20)
    await neighbourIsServed(listener)
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /)
    clearInterval(drip)
    const stream = session(listener).request({ ':method': 'POST' }, { endStream: false })
    stream.on('error', () => {})
    const [response] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(response[':status']).toBe(408)
  },

  async bodiesBytesMax() {
    const { dispatch, arrived, release } = held()
    const listener = await listen({ bodiesBytesMax: 1_000_000, bodiesWaitMs: 60_000 }, dispatch)
    // A complete body of 1 MB is being handled: the budget is spent.
    const full = raw(listener, post('x'.repeat(1_000_000)))
    await arrived()
    const paused = raw(listener, head('Content-Length: 500000\r\n'), 'x'.repeat(499_999))
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(1_000_000)
    // One read of the socket came in before it was paused; nothing more comes, and nobody is refused.
    expect(listener.gauges().bodyBytes).toBeLessThanOrEqual(1_000_000 + 2 * 65_536)
    release()
    await full.until(/200 OK/)
    paused.socket.write('x')
    expect(await paused.until(/\r\n\r\n\d+$/)).toContain('500000')
    await expect.poll(() => listener.gauges().bodyBytes).toBe(0)
  },

  async bodiesWaitMs() {
    const listener = await listen({ bodiesBytesMax: 100_000, bodiesWaitMs: SHORT_MS, lingerMs: SHORT_MS })
    // Three who send 60 kB of 90 kB and then nothing: the third is over the budget.
    const silent = [0, 1].map(() => raw(listener, head('Content-Length: 90000\r\n'), 'x'.repeat(49_000)))
    await expect.poll(() => listener.gauges().bodyBytes).toBe(98_000)
    const good = raw(listener, head('Content-Length: 80000\r\n'), 'x'.repeat(40_000))
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(100_000)
    good.socket.write('x'.repeat(40_000))
    expect(await good.until(/\r\n\r\n\d+$/)).toContain('80000')
    expect(await Promise.race(silent.map(({ closed }) => closed))).toMatch(/^HTTP\/1\.1 503 /)
  },

  async requestsMax() {
    const { dispatch, arrived, release } = held()
    const listener = await listen({ requestsMax: 1 }, dispatch)
    const first = raw(listener, post('a'))
    await arrived()
    expect(await raw(listener, post('b')).until(/ServiceUnavailable/)).toMatch(/^HTTP\/1\.1 503 /)
    release()
    await first.until(/200 OK/)
    await neighbourIsServed(listener)
  },

  async eventStreamsMax() {
    const listener = await listen({ eventStreamsMax: 1, requestsMax: 1 }, async (request) => {
      if (request.body.length !== 1) return answerLength(request)
      const gone = once(request.signal, 'abort')
      const body = (async function* () {
        yield [Buffer.from('event')]
        await gone
      })()
      return { status: 200, headers: {}, body }
    })
    const first = raw(listener, post('a'))
    await first.until(/event/)
    expect(await raw(listener, post('b')).until(/ServiceUnavailable/)).toMatch(/^HTTP\/1\.1 503 /)
    // Streams are no requests: the one that is allowed is not taken.
    await neighbourIsServed(listener)
    first.socket.destroy()
    await expect.poll(() => listener.gauges().requests).toBe(0)
    await raw(listener, post('c')).until(/event/)
  },

  async handlingMs() {
    // The deadline is the dispatcher's to hand on: dispatch.test.ts shows that it does. Here it ends the phase.
    const aborted = deferred<void>()
    const listener = await listen({ handlingMs: SHORT_MS, handlingGraceMs: 0 }, (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      return never(request)
    })
    expect(await raw(listener, post('a')).until(/"}$/)).toMatch(/^HTTP\/1\.1 500 [^]*InternalFailure/)
    await aborted.promise
  },

  async handlingGraceMs() {
    const listener = await listen({ handlingMs: 0, handlingGraceMs: 60_000 }, async (request) => {
      // Late, and still in its grace: two ticks of the clock that looks after deadlines.
      await new Promise((resolve) => setTimeout(resolve, 2 * SHORT_MS))
      return answerLength(request)
    })
    expect(await raw(listener, post('a')).until(/\r\n\r\n1$/)).toContain('200 OK')
  },

  async responseMs() {
    const big = Buffer.alloc(64 * 1024 * 1024)
    const listener = await listen({ responseMs: SHORT_MS }, async () => ({ status: 200, headers: {}, body: [big] }))
    const { socket } = raw(listener, post('a'))
    socket.pause()
    await expect.poll(() => listener.gauges().connections).toBe(1)
    await expect.poll(() => listener.gauges().connections, { timeout: 5000 }).toBe(0)
    const stream = session(listener).request({ ':method': 'POST', ':path': '/' }, { endStream: true })
    stream.on('error', () => {})
    // Its window fills, and nobody reads.
    await expect.poll(() => listener.gauges().requests).toBe(1)
    await expect.poll(() => listener.gauges().requests, { timeout: 5000 }).toBe(0)
  },

  async answersBytesMax() {
    // Each of its own, as an answer of a backlog is.
    const large: Dispatch = async () => ({ status: 200, headers: {}, body: [new Uint8Array(MiB * 8)] })
    const listener = await listen({ answersBytesMax: 20 * MiB, answersWaitMs: 60_000 }, large)
    const unread = [0, 1].map(() => raw(listener, post('a')).socket.pause())
    await expect.poll(() => listener.gauges().answerBytes).toBe(16 * MiB)
    expect(await raw(listener, post('b')).until(/ServiceUnavailable/)).toMatch(/^HTTP\/1\.1 503 /)
    for (const socket of unread) socket.destroy()
    await expect.poll(() => listener.gauges().answerBytes).toBe(0)
    await raw(listener, post('c')).until(/200 OK/)
  },

  async answersWaitMs() {
    const large: Dispatch = async () => ({ status: 200, headers: {}, body: [new Uint8Array(MiB * 8)] })
    const listener = await listen({ answersBytesMax: 20 * MiB, answersWaitMs: 0 }, large)
    for (const body of ['a', 'b']) raw(listener, post(body)).socket.pause()
    await expect.poll(() => listener.gauges().answerBytes).toBe(16 * MiB)
    // The first of them goes.
    await raw(listener, post('c')).until(/200 OK/)
    await expect.poll(() => listener.gauges().requests).toBe(1)
    expect(listener.gauges().answerBytes).toBe(8 * MiB)
  },

  async keepAliveIdleMs() {
    const listener = await listen({ keepAliveIdleMs: SHORT_MS })
    expect(await raw(listener, post('a')).closed).toContain('200 OK')
    const client = session(listener)
    expect(await ended(client)).toBe('200')
    await once(client, 'close')
  },

  async lingerMs() {
    const listener = await listen({ bodyBytesMax: 1000, bodyMs: 10_000, lingerMs: SHORT_MS })
    const { socket, closed, until } = raw(listener, head('Content-Length: 100000000\r\n'))
    const flood = setInterval(() => socket.write('x'.repeat(1000)), 5)
    // Still sending, the client sees its answer; and is closed all the same.
    await until(/^HTTP\/1\.1 413 /)
    await closed
    clearInterval(flood)
  },

  async pipelinedMax() {
    const { dispatch, arrived, release } = held()
    const listener = await listen({ pipelinedMax: 4 }, dispatch)
    const { socket, until } = raw(listener, post('first'))
    await arrived()
    // Far more than sockets and kernel take together.
    const filler = post('x'.repeat(60_000))
    for (let i = 0; i < 1000; i++) socket.write(filler)
    await neighbourIsQueued(listener)
    expect(socket.writableLength).toBeGreaterThan(0)
    expect(listener.gauges().requests).toBeLessThanOrEqual(2)
    release()
    await until(/60000$/)
  },

  async pipelinedBytesMax() {
    const { dispatch, arrived, release } = held()
    const listener = await listen({ pipelinedBytesMax: 150_000 }, dispatch)
    const within = raw(listener, post('first') + post('second'))
    await arrived()
    // One byte behind a request, and its paused socket reads more than that.
    expect(listener.gauges().bodyBytes).toBeGreaterThan(64 * 1024)
    const beyond = raw(listener, post('a') + 'P')
    await arrived()
    release()
    expect(await beyond.closed).toMatch(/\r\nConnection: close\r\n\r\n1$/)
    await within.until(/\r\n\r\n6$/)
    await expect.poll(() => listener.gauges().bodyBytes).toBe(0)
    // Who leaves with something behind gives it back, too.
    within.socket.write(post('more') + post('behind'))
    within.socket.destroy()
    await expect.poll(() => listener.gauges()).toMatchObject({ connections: 0, bodyBytes: 0 })
  },

  async drainMs() {
    const listener = await listen({ drainMs: SHORT_MS }, never)
    const { closed } = raw(listener, post('a'))
    await expect.poll(() => listener.gauges().requests).toBe(1)
    await listener.close()
    expect(await closed).toBe('')
  },

  async h2StreamsMax() {
    const { dispatch, arrived, release } = held()
    const listener = await listen({ h2StreamsMax: 2 }, dispatch)
    const client = session(listener)
    await once(client, 'remoteSettings')
    expect(client.remoteSettings.maxConcurrentStreams).toBe(2)
    // Node's client keeps to what it was told; what matters is that we never have more than two.
    const answers = [1, 2, 3, 4].map(() => ended(client))
    await arrived()
    await expect.poll(() => listener.gauges().requests).toBe(2)
    release()
    expect(await Promise.all(answers)).toEqual(['200', '200', '200', '200'])
  },

  async h2SessionMiBMax() {
    const big = Buffer.alloc(8 * 1024 * 1024)
    const listener = await listen({ h2SessionMiBMax: 1 }, async () => ({ status: 200, headers: {}, body: [big] }))
    const client = session(listener)
    const first = client.request({ ':method': 'POST', ':path': '/' }, { endStream: true })
    first.on('error', () => {})
    await once(first, 'readable')
    // Eight MiB wait for a reader who does not read: the session has no memory for another stream.
    expect(await ended(client)).toBe(`reset ${constants.NGHTTP2_ENHANCE_YOUR_CALM}`)
    first.close()
    expect(await ended(session(listener))).toBe('200')
  },

  async h2HeadersMax() {
    const listener = await listen({ h2HeadersMax: 20 })
    const client = session(listener)
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x-${i}`, '1']))
    expect(await ended(client, many)).toBe(`reset ${constants.NGHTTP2_ENHANCE_YOUR_CALM}`)
    expect(await ended(client)).toBe('200')
  },

  async h2ResetsMax() {
    await floodResets({ h2ResetsMax: 20, h2ResetsPerSecond: 1 })
  },

  async h2ResetsPerSecond() {
    const clock = new VirtualClock()
    const listener = await listen({ h2ResetsMax: 20, h2ResetsPerSecond: 5 }, never, clock)
    const client = session(listener)
    const closed = closeOf(client)
    await once(client, 'connect')
    // Streams opened before both sides have said their SETTINGS may never be sent.
    await isAlive(client)
    for (const streams of [20, 5]) {
      await reset(client, streams)
      await expect.poll(() => listener.gauges().requests).toBe(0)
      expect(await isAlive(client)).toBe(true)
      clock.advance(1_000)
    }
    await reset(client, 6)
    await closed
  },

  async h2ControlFramesMax() {
    await floodPings({ h2ControlFramesMax: 20, h2ControlFramesPerSecond: 1 })
  },

  async h2ControlFramesPerSecond() {
    const clock = new VirtualClock()
    const client = session(await listen({ h2ControlFramesMax: 20, h2ControlFramesPerSecond: 5 }, answerLength, clock))
    const closed = closeOf(client)
    await once(client, 'connect')
    // Its SETTINGS were the first.
    for (let i = 0; i < 19; i++) expect(await isAlive(client)).toBe(true)
    clock.advance(1_000)
    for (let i = 0; i < 5; i++) expect(await isAlive(client)).toBe(true)
    expect(await isAlive(client)).toBe(false)
    await closed
  },

  async workerBodyBytesMin() {
    const bodies = worker({ bytesMin: 100 })
    expect(bodies.decode(parseOnly, Buffer.from('{}'))).not.toBeInstanceOf(Promise)
    const large = bodies.decode(parseOnly, Buffer.from(JSON.stringify({ x: 'y'.repeat(200) })))
    expect(large).toBeInstanceOf(Promise)
    expect((await large).kind).toBe('decoded')
  },

  async workerQueueMax() {
    const bodies = worker({ bytesMin: 0, queueMax: 2 })
    const waiting = [1, 2].map(() => bodies.decode(parseOnly, Buffer.from('{}')))
    expect(() => bodies.decode(parseOnly, Buffer.from('{}'))).toThrow(
      expect.objectContaining({ type: 'ServiceUnavailable' }),
    )
    await Promise.all(waiting)
    await bodies.decode(parseOnly, Buffer.from('{}'))
  },
  async workerIdleMs() {
    const clock = new VirtualClock()
    const complaints: unknown[] = []
    const bodies = worker({
      bytesMin: 0,
      idleMs: 1_000,
      clock,
      logger: { ...silentLogger, error: (m) => void complaints.push(m) },
    })
    await bodies.decode(parseOnly, Buffer.from('{}'))
    expect(bodies.isRunning).toBe(true)
    clock.advance(1_000)
    expect(bodies.isRunning).toBe(false)
    // Another is started, and the end of the first was no accident.
    await bodies.decode(parseOnly, Buffer.from('{}'))
    expect(bodies.isRunning).toBe(true)
    expect(complaints).toEqual([])
  },
}

const parseOnly = { codec: 'json', operation: undefined, hashed: false } as const

function worker(options: Partial<BodyWorkerOptions> & { readonly bytesMin: number }): BodyWorker {
  const bodies = new BodyWorker({ queueMax: 10, idleMs: 60_000, clock: systemClock, logger: silentLogger, ...options })
  closers.push(() => bodies.close())
  return bodies
}

/** Another connection reaches the dispatcher, though it is not answered. */
async function neighbourIsQueued(listener: Listener): Promise<void> {
  const { socket } = raw(listener, post('beside'))
  await expect.poll(() => listener.gauges().requests).toBe(2)
  socket.destroy()
  await expect.poll(() => listener.gauges().requests).toBe(1)
}

/** Also when it closes for an error. */
function closeOf(client: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve))
}

async function floodResets(limits: Partial<FrontDoorLimits>): Promise<void> {
  const listener = await listen(limits, never)
  const client = session(listener)
  const goaway = once(client, 'goaway')
  const closed = closeOf(client)
  let opened = 0
  while (!client.closed && !client.destroyed && opened < 200) {
    opened++
    const stream = client.request({ ':method': 'POST', ':path': '/' })
    stream.on('error', () => {})
    stream.close(constants.NGHTTP2_CANCEL)
    await setImmediate()
  }
  expect(opened).toBeGreaterThan(20)
  expect((await goaway)[0]).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  await closed
  await expect.poll(() => listener.gauges().requests).toBe(0)
}

/** Whether a session answers a PING, which tells too that all frames before it have been seen. */
function isAlive(client: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    const tell = (isSo: boolean): void => {
      client.off('close', onClose)
      resolve(isSo)
    }
    const onClose = (): void => tell(false)
    client.once('close', onClose)
    if (client.destroyed || !client.ping((error) => tell(error === null))) tell(false)
  })
}

/** Opens streams and resets them before they are answered. */
async function reset(client: ClientHttp2Session, streams: number): Promise<void> {
  for (let i = 0; i < streams && !client.destroyed; i++) {
    const stream = client.request({ ':method': 'POST', ':path': '/' })
    stream.on('error', () => {})
    stream.close(constants.NGHTTP2_CANCEL)
    await setImmediate()
  }
}

async function floodPings(limits: Partial<FrontDoorLimits>): Promise<void> {
  const listener = await listen(limits)
  const client = session(listener)
  const closed = closeOf(client)
  await once(client, 'connect')
  for (let i = 0; i < 200 && !client.destroyed; i++) {
    await new Promise<void>((resolve) => {
      if (!client.ping(() => resolve())) resolve()
    })
  }
  await closed
  await neighbourIsServed(listener)
}

describe('limits', () => {
  it.each(Object.keys(limitRows) as LimitName[])('%s', (name) => rows[name]())
})
