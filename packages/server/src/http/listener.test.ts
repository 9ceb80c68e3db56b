import { request as httpRequest, Agent } from 'node:http'
import { connect as h2connect } from 'node:http2'
import { connect, type Socket } from 'node:net'

import { deferred, silentLogger, systemClock, systemRandom } from '@millrace/std'
import { afterEach, describe, expect, it } from 'vitest'

import { type FrontDoorLimits, frontDoorLimits } from './limits.ts'
import { Listener } from './listener.ts'
import type { Dispatch, WireRequest } from './wire.ts'

const open: Listener[] = []
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close()
})

const echo: Dispatch = async (request) => ({
  status: 200,
  headers: { 'x-amzn-RequestId': request.id, 'content-type': 'text/plain' },
  body: [Buffer.from(`${request.method} ${request.url} ${request.body.length} `), request.body.slice(0, 32)],
})

async function listen(dispatch: Dispatch = echo, limits: Partial<FrontDoorLimits> = {}): Promise<Listener> {
  const listener = await Listener.open({
    host: 'localhost',
    port: 0,
    dispatch,
    limits: { ...frontDoorLimits, ...limits },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: () => Promise.reject(new Error('no TLS in these tests')),
  })
  open.push(listener)
  return listener
}

/** Sends pieces over a raw socket and collects what comes until the server closes. */
function raw(listener: Listener, pieces: readonly (string | Buffer)[], host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(listener.port, host)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    for (const piece of pieces) socket.write(piece)
  })
}

function post(body: string, extra = ''): string {
  return `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra}\r\n${body}`
}

describe('HTTP/1.1', () => {
  it('answers on 127.0.0.1 and on ::1 at the same port', async () => {
    const listener = await listen()
    for (const { address } of listener.addresses)
      expect(await raw(listener, [post('hello', 'Connection: close\r\n')], address)).toContain('POST / 5 hello')
  })

  it('serves pipelined requests one after the other, in order', async () => {
    const seen: string[] = []
    let inside = 0
    const listener = await listen(async (request) => {
      inside++
      expect(inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(Buffer.from(request.body).toString())
      inside--
      return echo(request)
    })
    const bodies = Array.from({ length: 50 }, (_, i) => `request-${i}`)
    const text = await raw(listener, [bodies.map((body) => post(body)).join(''), post('last', 'Connection: close\r\n')])
    expect(seen).toEqual([...bodies, 'last'])
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(51)
  })

  it('reads chunked bodies', async () => {
    const listener = await listen()
    const text = await raw(listener, [
      'POST /x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
      '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
    ])
    expect(text).toContain('POST /x?y 11 hello world')
  })

  it('says 100 Continue before it reads a body, and not before it refuses one', async () => {
    const listener = await listen()
    const head = (length: number): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    expect(await raw(listener, [head(2), 'ab'])).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/)
    expect(await raw(listener, [head(100_000_000)])).toMatch(/^HTTP\/1\.1 413/)
  })

  it('keeps a connection for many requests', async () => {
    const listener = await listen()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number>()
    for (let i = 0; i < 20; i++) {
      ports.add(
        await new Promise<number>((resolve, reject) => {
          const request = httpRequest({ agent, port: listener.port, host: '127.0.0.1', method: 'POST' }, (response) => {
            const port = response.socket.localPort ?? 0
            response.resume().on('end', () => resolve(port))
          })
          request.on('error', reject)
          request.end('x'.repeat(i * 1000))
        }),
      )
    }
    agent.destroy()
    expect(ports.size).toBe(1)
  })

  it('tells the operation when its client goes away', async () => {
    const gone = deferred<void>()
    const arrived = deferred<void>()
    const listener = await listen(async (request) => {
      request.signal.addEventListener('abort', () => gone.resolve())
      arrived.resolve()
      await gone.promise
      return echo(request)
    })
    const socket = connect(listener.port, '127.0.0.1')
    socket.write(post('x'))
    await arrived.promise
    socket.destroy()
    await gone.promise
  })
})

function h2(listener: Listener, body: Buffer, path = '/'): Promise<{ status: unknown; text: string }> {
  return new Promise((resolve, reject) => {
    const session = h2connect(`http://127.0.0.1:${listener.port}`)
    session.on('error', reject)
    const stream = session.request({ ':method': 'POST', ':path': path })
    const chunks: Buffer[] = []
    let status: unknown
    stream.on('response', (headers) => {
      status = headers[':status']
      // As the JavaScript SDK does: GOAWAY as soon as headers are there, and reading on.
      session.close()
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve({ status, text: Buffer.concat(chunks).toString('latin1') }))
    stream.on('error', reject)
    stream.end(body)
  })
}

describe('HTTP/2 with prior knowledge', () => {
  it('answers on the same port, in full after the client said GOAWAY', async () => {
    const big = Buffer.alloc(8 * 1024 * 1024, 7)
    const listener = await listen(async () => ({ status: 200, headers: {}, body: [big, big.subarray(0, 1)] }))
    const { status, text } = await h2(listener, Buffer.from('{}'))
    expect(status).toBe(200)
    expect(text.length).toBe(big.length + 1)
  })

  it('reads large bodies, with path, method and authority as they stood', async () => {
    let seen: WireRequest | undefined
    const listener = await listen((request) => {
      seen = request
      return echo(request)
    })
    const body = Buffer.alloc(14 * 1024 * 1024, 'z')
    const { text } = await h2(listener, body, '/p?q=1')
    expect(text).toContain(`POST /p?q=1 ${body.length} zzz`)
    expect(seen?.headers[':authority']).toBe(`127.0.0.1:${listener.port}`)
  })
})
