/** Answers that go on: event streams over a real listener, and clients that leave, stall, or outlast the server. */
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect as h2connect } from 'node:http2'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { deferred, silentLogger, systemClock, systemRandom } from '@millrace/std'
import { afterEach, describe, expect, it } from 'vitest'

import { type FrontDoorLimits, frontDoorLimits } from './limits.ts'
import { Listener } from './listener.ts'
import type { WireRequest } from './wire.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Events = (request: WireRequest) => AsyncIterable<readonly Uint8Array[]>

async function listen(events: Events, limits: Partial<FrontDoorLimits> = {}): Promise<Listener> {
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    dispatch: async (request) => ({ status: 200, headers: { 'content-type': 'x/events' }, body: events(request) }),
    limits: { ...frontDoorLimits, ...limits },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: () => Promise.reject(new Error('no TLS in these tests')),
  })
  closers.push(() => listener.close())
  return listener
}

interface Client {
  readonly chunks: AsyncIterator<Buffer>
  leave(): void
}

const clients: Readonly<Record<string, (listener: Listener) => Promise<Client>>> = {
  async 'HTTP/1.1'({ port }) {
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST' }).end('x')
    request.on('error', () => {})
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return { chunks: response[Symbol.asyncIterator](), leave: () => void request.destroy() }
  },
  async 'HTTP/2'({ port }) {
    const session = h2connect(`http://127.0.0.1:${port}`).on('error', () => {})
    closers.push(() => session.destroy())
    const stream = session.request({ ':method': 'POST', ':path': '/' }).end('x')
    stream.on('error', () => {})
    await once(stream, 'response')
    return { chunks: stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>, leave: () => session.destroy() }
  },
}

/** Says one event, and the next when the request is given up. */
const untilGivenUp = (onStart: () => void, onEnd: () => void): Events =>
  async function* ({ signal }) {
    try {
      yield [Buffer.from('first')]
      onStart()
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    } finally {
      onEnd()
    }
  }

describe.each(Object.entries(clients))('an event stream over %s', (_, open) => {
  it('is written as it comes, each event in its pieces, and ends when the events do', async () => {
    const more = deferred<void>()
    const listener = await listen(async function* () {
      yield [Buffer.from('a'), Buffer.from('b')]
      await more.promise
      yield [Buffer.from('c')]
    })
    const { chunks } = await open(listener)
    let text = String((await chunks.next()).value)
    while (text.length < 2) text += String((await chunks.next()).value)
    expect(text).toBe('ab')
    expect(listener.gauges().requests).toBe(1)
    more.resolve()
    expect(String((await chunks.next()).value)).toBe('c')
    expect((await chunks.next()).done).toBe(true)
    await expect.poll(() => listener.gauges().requests).toBe(0)
  })

  it('is told when its client leaves while no event is due', async () => {
    const started = deferred<void>()
    const ended = deferred<void>()
    const listener = await listen(untilGivenUp(started.resolve, ended.resolve))
    const client = await open(listener)
    await started.promise
    client.leave()
    await ended.promise
    await expect.poll(() => listener.gauges().requests).toBe(0)
  })

  it('ends cleanly when the server stops, which does not wait for its time', async () => {
    const started = deferred<void>()
    const listener = await listen(untilGivenUp(started.resolve, () => {}))
    const { chunks } = await open(listener)
    expect(String((await chunks.next()).value)).toBe('first')
    await started.promise
    const closed = listener.close()
    expect((await chunks.next()).done).toBe(true)
    await closed
  })

  it('that breaks off does not look as if it had ended', async () => {
    const listener = await listen(async function* () {
      yield [Buffer.from('first')]
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('broken')
    })
    const { chunks } = await open(listener)
    await expect(
      (async () => {
        while ((await chunks.next()).done !== true);
      })(),
    ).rejects.toThrow()
  })

  it('whose client does not read is asked for little more, and is closed in the end', async () => {
    let events = 0
    const ended = deferred<void>()
    const event = Buffer.alloc(256 * 1024)
    const listener = await listen(
      async function* () {
        try {
          for (;;) {
            events++
            yield [event]
          }
        } finally {
          ended.resolve()
        }
      },
      { responseMs: 300 },
    )
    const client = await open(listener)
    await ended.promise
    client.leave()
    // What the kernel's buffers of both sides and one window hold, and one more.
    expect(events).toBeLessThan(100)
    expect(listener.gauges().answerBytes).toBe(0)
  })

  it('whose event waits for its reader counts as an answer in memory, and makes room for others', async () => {
    const ended: number[] = []
    const listener = await listen(
      async function* () {
        const id = ended.length
        try {
          for (;;) yield [Buffer.alloc(8 * 1024 * 1024)]
        } finally {
          ended.push(id)
        }
      },
      { answersBytesMax: 20 * 1024 * 1024, answersWaitMs: 0 },
    )
    const stalled = []
    for (let i = 0; i < 4; i++) {
      stalled.push(await open(listener))
      await expect.poll(() => listener.gauges().answerBytes).toBeGreaterThan(0)
    }
    await expect.poll(() => ended.length).toBeGreaterThanOrEqual(2)
    expect(listener.gauges().answerBytes).toBeLessThanOrEqual(20 * 1024 * 1024)
    for (const client of stalled) client.leave()
    await expect.poll(() => ended.length).toBe(4)
  })
})

describe('event streams beside other requests', () => {
  it('leave room in an HTTP/2 session, though all that it may have are stalled with an event each', async () => {
    // 256 KiB of data in base64, with keys.
    const event = Buffer.alloc(360 * 1024)
    const listener = await listen(async function* (request) {
      if (request.headers['x-kind'] === 'small') yield [Buffer.from('small')]
      else for (;;) yield [event]
    })
    const session = h2connect(`http://127.0.0.1:${listener.port}`).on('error', () => {})
    closers.push(() => session.destroy())
    const open = (kind: string) => session.request({ ':method': 'POST', ':path': '/', 'x-kind': kind }).end('x')
    for (let i = 0; i < frontDoorLimits.h2StreamsMax - 1; i++) {
      const stream = open('large')
      stream.on('error', () => {})
      const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
      expect(headers[':status']).toBe(200)
    }
    const small = open('small').setEncoding('utf8')
    let text = ''
    for await (const chunk of small as AsyncIterable<string>) text += chunk
    expect(text).toBe('small')
  })

  it('do not keep their requests in memory', async () => {
    const listener = await listen(
      untilGivenUp(
        () => {},
        () => {},
      ),
    )
    const { port } = listener
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST' }).end(Buffer.alloc(1024 * 1024))
    request.on('error', () => {})
    await once(request, 'response')
    expect(listener.gauges()).toMatchObject({ requests: 1, bodyBytes: 0 })
    request.destroy()
  })

  it('nor what came with their head', async () => {
    let body: WeakRef<ArrayBufferLike> | undefined
    const listener = await listen((request) => {
      body = new WeakRef(request.body.buffer)
      return untilGivenUp(
        () => {},
        () => {},
      )(request)
    })
    await clients['HTTP/1.1']?.(listener)
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    await expect
      .poll(() => {
        collectGarbage()
        return body?.deref()
      })
      .toBeUndefined()
    expect(listener.gauges().requests).toBe(1)
  })
})
