/** Held against node:http: what both can read, both must read alike. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

import { deferred, silentLogger, systemClock, systemRandom } from '@millrace/std'
import fc from 'fast-check'
import { afterEach, assert, describe, expect, it } from 'vitest'

import { frontDoorLimits } from './limits.ts'
import { Listener } from './listener.ts'
import { readHead } from './request-head.ts'
import type { Dispatch } from './wire.ts'

const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const echo: Dispatch = async ({ method, url, body, headers }) => ({
  status: 200,
  headers: { 'x-seen': `${method} ${url} ${headers['x-name'] ?? '-'}` },
  body: [Buffer.from(`<${Buffer.from(body).toString('latin1')}>`)],
})

async function listen(dispatch = echo, limits = frontDoorLimits, clock = systemClock): Promise<Listener> {
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    dispatch,
    limits,
    clock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: async () => assert.fail('nobody speaks TLS here'),
  })
  closers.push(() => listener.close())
  return listener
}

/** Sends each piece when the answers that it waits for have come; gives all that came, when `answers` bodies have. */
async function converse(port: number, pieces: readonly string[], answers: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  closers.push(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await new Promise((resolve) => setImmediate(resolve))
  }
  while ((text.match(/<[^>]*>/g) ?? []).length < answers) await once(socket, 'data')
  return text
}

const post = (body: string, more = ''): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
const bodiesOf = (text: string): readonly string[] => text.match(/<[^>]*>/g) ?? []

describe('a connection that is told to close', () => {
  it('takes no more for a request', async () => {
    let requests = 0
    const refusing: Dispatch = (request) => {
      requests++
      return echo(request)
    }
    const listener = await listen(refusing, { ...frontDoorLimits, bodyMs: 100, lingerMs: 100 })
    const socket = connect({ port: listener.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    closers.push(() => void socket.destroy())
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx')
    await once(socket, 'end')
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    // The rest of that body, which looks like a request.
    socket.end(post('again'))
    await once(socket, 'close')
    expect(requests).toBe(0)
  })

  it.each([
    ['the server stops', (listener: Listener) => void listener.close()],
    ['there was no room for what stood behind its request', () => {}],
  ])('goes when its event stream has ended, though its client never ends: %s', async (_, stop) => {
    const rest = deferred<void>()
    const events = (async function* () {
      yield [Buffer.from('first')]
      await rest.promise
    })()
    const listener = await listen(async () => ({ status: 200, headers: {}, body: events }), {
      ...frontDoorLimits,
      pipelinedBytesMax: 0,
      // Nothing else closes it while this test has time.
      lingerMs: 60_000,
      drainMs: 60_000,
    })
    const socket = connect({ port: listener.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    closers.push(() => void socket.destroy())
    socket.write(post('a') + post('behind'))
    await once(socket, 'data')
    expect(listener.gauges()).toMatchObject({ connections: 1, requests: 1 })
    stop(listener)
    rest.resolve()
    await once(socket, 'end')
    await expect.poll(() => listener.gauges()).toMatchObject({ connections: 0, requests: 0, bodyBytes: 0 })
  })
})

describe('a usual request', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
  const value = fc.stringMatching(/^[\t -~]{0,20}$/)
  const header = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(token, value) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<[string, string][]>(
        ['Connection', 'keep-alive'],
        ['CONNECTION', 'close'],
        ['Transfer-Encoding', 'chunked'],
        ['Expect', '100-continue'],
        ['host', 'b'],
        ['X-Bent', 'a\rb'],
        ['X-Folded', 'a\r\n b'],
        ['X-High', '\u00e9'],
        [' X-Blank', 'a'],
        ['X-Blank ', 'a'],
      ),
    },
  )
  const request = fc.record({
    url: fc.stringMatching(/^\/[!-~]{0,20}$/),
    headers: fc.array(header, { maxLength: 6 }),
    colon: fc.constantFrom(':', ': ', ':\t '),
    body: fc.stringMatching(/^[ -~]{1,20}$/),
  })

  it('is read as node:http reads it, or left to it', async () => {
    let seen: unknown
    const server = createServer({ keepAliveTimeout: 0 }, (incoming, response) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { method, url, headers } = incoming
        seen = { method, url, headers: { ...headers }, body: Buffer.concat(chunks).toString('latin1') }
        response.end('<done>')
      })
    }).listen(0, '127.0.0.1')
    closers.push(
      () => void server.close(),
      () => server.closeAllConnections(),
    )
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    let usual = 0
    await fc.assert(
      fc.asyncProperty(request, async ({ url, headers, colon, body }) => {
        const lines = [['Host', 'a'], ...headers, ['Content-Length', String(body.length)]]
        const text = `POST ${url} HTTP/1.1\r\n${lines.map(([name, of]) => `${name}${colon}${of}\r\n`).join('')}\r\n${body}`
        const bytes = Buffer.from(text, 'latin1')
        const head = readHead(bytes, 32 * 1024)
        if (head === undefined) return
        usual++
        await converse(port, [text], 1)
        expect({
          method: 'POST',
          url: head.url,
          headers: head.headers,
          body: bytes.toString('latin1', head.end, head.end + head.length),
        }).toEqual(seen)
      }),
      { numRuns: 150 },
    )
    expect(usual).toBeGreaterThan(30)
  })

  it('is answered with the headers that node:http adds', async () => {
    const { port } = await listen()
    const headOf = async (more: string): Promise<readonly string[]> => {
      const text = await converse(port, [post('x', more)], 1)
      const lines = text.slice(0, text.indexOf('\r\n\r\n')).toLowerCase().split('\r\n')
      return lines.map((line) => line.replace(/^date: .*/, 'date')).sort()
    }
    expect(readHead(Buffer.from(post('x', 'TE: trailers\r\n')), 1000)).toBeUndefined()
    expect(await headOf('')).toEqual(await headOf('TE: trailers\r\n'))
  })
})

describe('an answer', () => {
  it('says the second of which it is, also when it is the last one of its connection', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { port } = await listen(
      echo,
      { ...frontDoorLimits, pipelinedBytesMax: 0 },
      { ...systemClock, now: () => nowMs },
    )
    const endingsOf = async (text: string): Promise<readonly string[]> => {
      const answer = await converse(port, [text], 1)
      return answer.split('\r\n').filter((line) => /^(date|connection):/i.test(line))
    }
    expect(await endingsOf(post('x'))).toEqual(['Date: Thu, 01 Jan 2026 00:00:00 GMT', 'Connection: keep-alive'])
    nowMs += 1000
    expect(await endingsOf(post('x'))).toEqual(['Date: Thu, 01 Jan 2026 00:00:01 GMT', 'Connection: keep-alive'])
    // There is no room for what stands behind it.
    expect(await endingsOf(post('x') + post('y'))).toEqual(['Date: Thu, 01 Jan 2026 00:00:01 GMT', 'Connection: close'])
  })
})

describe('a connection', () => {
  const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbc\r\n0\r\n\r\n'

  it('goes to node:http with its next request, whatever stands behind it', async () => {
    const { port } = await listen()
    const text = await converse(port, [post('a') + chunked + post('d'), post('e')], 4)
    expect(bodiesOf(text)).toEqual(['<a>', '<bc>', '<d>', '<e>'])
  })

  it('may send its requests in any pieces', async () => {
    const { port } = await listen()
    const text = post('first') + post('second', 'X-Name: n\r\n') + chunked + post('last')
    for (const size of [1, 7, 60, 61, 62, 63, 64, 65, 66, 67, 68, 100, 1000]) {
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
      expect(bodiesOf(await converse(port, pieces, 4))).toEqual(['<first>', '<second>', '<bc>', '<last>'])
    }
  })

  it('waits with the second request until the first is answered, and drops none when its client has sent all', async () => {
    let inside = 0
    const { port } = await listen(async (request) => {
      expect(++inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
      return echo(request)
    })
    const bodies = Array.from({ length: 20 }, (_, i) => `r${i}`)
    const text = await converse(port, [bodies.map((body) => post(body)).join('')], bodies.length)
    expect(bodiesOf(text)).toEqual(bodies.map((body) => `<${body}>`))
  })

  it('reads a body of many pieces, and the request behind it', async () => {
    const { port } = await listen()
    const large = 'x'.repeat(300_000)
    const text = await converse(port, [post(large) + post('behind')], 2)
    expect(bodiesOf(text)).toEqual([`<${large}>`, '<behind>'])
  })

  it('gives the memory of a large body back when it is answered', async () => {
    const bodies: Uint8Array[] = []
    const { port } = await listen((request) => {
      bodies.push(request.body)
      request.bodyIsDone?.()
      return echo(request)
    })
    await converse(port, [post('x'.repeat(300_000))], 1)
    await converse(port, [post('y'.repeat(300_000))], 1)
    expect(bodies.map(({ length }) => length)).toEqual([300_000, 300_000])
    expect(bodies[1]?.buffer).toBe(bodies[0]?.buffer)
  })
})
