import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, createServer, Server, type Socket } from 'node:net'
import { systemClock } from '@millrace/std'
import { afterEach, describe, expect, it } from 'vitest'
import { connectProxy } from '../testing/connect-proxy.ts'
import { type FakeAnswer, type FakeEndpoint, fakeEndpoint, type FakeEndpointOptions } from '../testing/fake-endpoint.ts'
import { localhostCertificate } from '../testing/localhost-certificate.ts'
import { collectBody } from './body.ts'
import { openTransport, type TransportOptions } from './open-transport.ts'
import { proxyFor } from './proxy-settings.ts'
import { Slots, WAITING_MAX } from './slots.ts'
import type { ExchangeOptions, Transport } from './transport.ts'

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

function keep<T extends { close(): Promise<void> }>(one: T): T {
  // Newest first: a client before its server.
  open.unshift(one)
  return one
}

async function serve(
  answer: FakeEndpointOptions['answer'],
  more: Partial<FakeEndpointOptions> = {},
): Promise<FakeEndpoint> {
  return keep(await fakeEndpoint({ answer, ...more }))
}

function transport(options: Partial<TransportOptions> = {}): Transport {
  return keep(openTransport({ clock: systemClock, ca: localhostCertificate.cert, ...options }))
}

async function exchange(over: Transport, url: string, options: ExchangeOptions = {}): Promise<string> {
  const answer = await over.exchange(
    { method: 'POST', url: new URL(url), headers: { 'content-type': 'text/plain' }, body: Buffer.from('{}') },
    options,
  )
  return Buffer.from(await collectBody(answer.body, answer.headers['content-length'], 1e6, url)).toString()
}

/** A server that speaks in bytes. */
async function rawServer(onConnection: (socket: Socket) => void): Promise<{ url: string; server: Server }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  keep({
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const ok: FakeAnswer = { status: 200, body: 'ok', headers: { 'content-length': '2' } }

describe('every transport', () => {
  const kinds = [
    { name: 'HTTP/1.1', protocol: 'http1', httpVersion: '1.1' },
    { name: 'h2c', protocol: 'h2c', httpVersion: '2' },
    { name: 'h2 over TLS', protocol: 'tls', httpVersion: 'auto' },
  ] as const
  for (const { name, protocol, httpVersion } of kinds)
    describe(name, () => {
      it('uses its connection again', async () => {
        const server = await serve(() => ok, { protocol })
        const over = transport({ httpVersion })
        for (let i = 0; i < 5; i++) expect(await exchange(over, server.url)).toBe('ok')
        expect(server.accepted()).toBe(1)
      })

      it('carries many exchanges at a time', async () => {
        const server = await serve(() => ok, { protocol })
        const over = transport({ httpVersion, maxSockets: 3 })
        const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(over, server.url)))
        expect(answers.every((answer) => answer === 'ok')).toBe(true)
        expect(server.accepted()).toBeLessThanOrEqual(3)
      })

      it('has room for others, however many exchanges last', async () => {
        const lasting = 12
        const server = await serve((_request, number) => (number <= lasting ? 'hang' : ok), {
          protocol,
          maxConcurrentStreams: 2,
        })
        const over = transport({ httpVersion, maxSockets: 2 })
        const end = new AbortController()
        const options = { isLasting: true, signal: end.signal }
        const lasts = Array.from({ length: lasting }, () => exchange(over, server.url, options).catch(() => 'ended'))
        await expect.poll(() => server.seen.length).toBe(lasting)
        expect(await exchange(over, server.url)).toBe('ok')
        end.abort()
        expect(new Set(await Promise.all(lasts))).toEqual(new Set(['ended']))
      })

      it('reports a connection that breaks before the answer as `closed`, outcome unknown', async () => {
        const server = await serve(() => 'drop', { protocol })
        const call = exchange(transport({ httpVersion }), server.url)
        await expect(call).rejects.toMatchObject({ code: 'closed', outcome: 'unknown', retryable: true })
      })

      it('opens a new connection after one broke', async () => {
        const server = await serve((_request, number) => (number === 2 ? 'drop' : ok), { protocol })
        const over = transport({ httpVersion })
        expect(await exchange(over, server.url)).toBe('ok')
        await expect(exchange(over, server.url)).rejects.toMatchObject({ code: 'closed' })
        expect(await exchange(over, server.url)).toBe('ok')
        expect(server.accepted()).toBe(2)
      })

      it('gives up an answer that does not come, and does not use that connection again', async () => {
        const server = await serve((_request, number) => (number === 1 ? 'hang' : ok), { protocol })
        const over = transport({ httpVersion })
        const call = exchange(over, server.url, { responseTimeoutMs: 50 })
        await expect(call).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' })
        expect(await exchange(over, server.url)).toBe('ok')
        expect(server.accepted()).toBe(2)
      })

      it('ends at the caller’s signal', async () => {
        const controller = new AbortController()
        const answer = (): FakeAnswer => {
          controller.abort()
          return 'hang'
        }
        const server = await serve(answer, { protocol })
        const call = exchange(transport({ httpVersion }), server.url, { signal: controller.signal })
        await expect(call).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown' })
      })

      it('reports a body that breaks off as `closed`', async () => {
        async function* half(): AsyncGenerator<Uint8Array> {
          yield Buffer.from('half')
          await new Promise((resolve) => setTimeout(resolve, 20))
          for (const socket of server.sockets) socket.destroy()
        }
        const server: FakeEndpoint = await serve(() => ({ status: 200, body: half() }), { protocol })
        const call = exchange(transport({ httpVersion }), server.url)
        await expect(call).rejects.toMatchObject({ code: 'closed', outcome: 'unknown' })
      })

      it('refuses exchanges after it was closed', async () => {
        const server = await serve(() => ok, { protocol })
        const over = transport({ httpVersion })
        await exchange(over, server.url)
        await over.close()
        await over.close()
        await expect(exchange(over, server.url)).rejects.toMatchObject({ code: 'client-closed' })
      })

      it('says where nobody listens', async () => {
        const server = await fakeEndpoint({ protocol, answer: () => ok })
        await server.close()
        const call = exchange(transport({ httpVersion }), server.url)
        await expect(call).rejects.toMatchObject({ code: 'connect', outcome: 'not-done' })
        await expect(call).rejects.toThrow(
          /Could not connect to https?:\/\/127\.0\.0\.1:\d+: ECONNREFUSED\. Nothing listens/,
        )
      })

      it('goes through a proxy’s tunnel', async () => {
        const server = await serve(() => ok, { protocol })
        const proxy = keep(await connectProxy())
        const url = proxy.url.replace('http://', 'http://user:p%40ss@')
        const over = transport({ httpVersion, proxy: { url } })
        expect(await exchange(over, server.url)).toBe('ok')
        const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
        expect(proxy.asked).toEqual([{ authority: `127.0.0.1:${server.port}`, authorization }])
      })

      it('reports a proxy that refuses as `proxy`', async () => {
        const server = await serve(() => ok, { protocol })
        const proxy = keep(await connectProxy(407))
        const call = exchange(transport({ httpVersion, proxy: { url: proxy.url } }), server.url)
        await expect(call).rejects.toMatchObject({ code: 'proxy', outcome: 'not-done' })
        await expect(call).rejects.toThrow('answered 407')
      })
    })
})

describe('HTTP/1.1', () => {
  it('marks an error on a connection that had served before', async () => {
    let requests = 0
    const { url } = await rawServer((socket) =>
      socket.on('data', () => {
        if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        else socket.destroy()
      }),
    )
    const over = transport()
    expect(await exchange(over, url)).toBe('ok')
    await expect(exchange(over, url)).rejects.toMatchObject({
      code: 'closed',
      reusedConnection: true,
      outcome: 'unknown',
    })
  })

  it('opens a new connection when the server closed the idle one', async () => {
    const server = await serve(() => ok)
    const over = transport()
    await exchange(over, server.url)
    // Both sides are done with it when it is closed here.
    const closed = [...server.sockets].map((socket) => new Promise((resolve) => socket.end().once('close', resolve)))
    await Promise.all(closed)
    expect(await exchange(over, server.url)).toBe('ok')
    expect(server.accepted()).toBe(2)
  })

  it('names a server that speaks something else', async () => {
    const { url } = await rawServer((socket) => socket.end('220 smtp ready\r\n'))
    const call = exchange(transport(), url)
    await expect(call).rejects.toMatchObject({ code: 'malformed' })
    await expect(call).rejects.toThrow('check the scheme and port')
  })
})

describe('HTTP/2', () => {
  it('keeps to the number of streams that the server allows, and opens a few more sessions for the rest', async () => {
    const server = await serve(() => ok, { protocol: 'h2c', maxConcurrentStreams: 2 })
    const over = transport({ httpVersion: '2' })
    const answers = await Promise.all(Array.from({ length: 40 }, () => exchange(over, server.url)))
    expect(answers).toHaveLength(40)
    expect(server.accepted()).toBeLessThanOrEqual(4)
  })

  it('says so when the server does not speak it', async () => {
    const server = await serve(() => ok, { protocol: 'http1' })
    const call = exchange(transport({ httpVersion: '2' }), server.url)
    await expect(call).rejects.toMatchObject({ code: 'malformed', outcome: 'not-done' })
    await expect(call).rejects.toThrow('does not speak HTTP/2')
  })

  it('does not wait for ever for a server that says nothing', async () => {
    const { url } = await rawServer(() => {})
    const call = exchange(transport({ httpVersion: '2', timeouts: { connectTimeoutMs: 50 } }), url)
    await expect(call).rejects.toMatchObject({ code: 'malformed', outcome: 'not-done' })
  })

  async function h2Server(
    onStream: (session: ServerHttp2Session, path: string, respond: (text: string) => void, refuse: () => void) => void,
    settings: { maxConcurrentStreams?: number } = {},
  ) {
    const sessions: ServerHttp2Session[] = []
    const server = createHttp2Server({ settings })
    server.on('session', (session) => sessions.push(session))
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      const { session } = stream
      if (session === undefined) return
      onStream(
        session as ServerHttp2Session,
        headers[':path'] ?? '',
        (text) => {
          stream.respond({ ':status': 200 })
          stream.end(text)
        },
        () => stream.close(7),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    keep({
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve())
          for (const session of sessions) session.destroy()
        }),
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    // Not the HTTP/2 server's own `close`, which from Node 24 on ends the sessions as well.
    return { url, sessions, stopListening: () => void Server.prototype.close.call(server) }
  }

  it('finishes what is under way after GOAWAY, and takes a new session for what comes after', async () => {
    const { url, sessions } = await h2Server((session, path, respond) => {
      if (path === '/last') {
        session.goaway()
        setImmediate(() => respond('last'))
      } else respond('fresh')
    })
    const over = transport({ httpVersion: '2' })
    expect(await exchange(over, `${url}/last`)).toBe('last')
    expect(await exchange(over, `${url}/next`)).toBe('fresh')
    expect(sessions).toHaveLength(2)
  })

  it('waits for a stream of a full session where no other can be opened', async () => {
    const answers: ((text: string) => void)[] = []
    let arrived = (): void => {}
    const first = new Promise<void>((resolve) => (arrived = resolve))
    const { url, sessions, stopListening } = await h2Server(
      (_session, path, respond) => {
        if (path !== '/held') return respond('served')
        answers.push(respond)
        arrived()
      },
      { maxConcurrentStreams: 1 },
    )
    const over = transport({ httpVersion: '2' })
    const held = exchange(over, `${url}/held`)
    await first
    stopListening()
    const waiting = exchange(over, `${url}/next`)
    // Long enough for the attempt at a second session to fail.
    await new Promise((resolve) => setTimeout(resolve, 30))
    answers[0]?.('held')
    expect(await Promise.all([held, waiting])).toEqual(['held', 'served'])
    expect(sessions).toHaveLength(1)
  })

  it('knows that a refused stream was not looked at', async () => {
    const { url } = await h2Server((_session, _path, _respond, refuse) => refuse())
    const call = exchange(transport({ httpVersion: '2' }), url)
    await expect(call).rejects.toMatchObject({ code: 'closed', outcome: 'not-done', retryable: true })
  })
})

describe('TLS', () => {
  it('does not trust a certificate that nobody vouches for, and says what to do', async () => {
    const server = await serve(() => ok, { protocol: 'tls' })
    const call = exchange(keep(openTransport({ clock: systemClock })), server.url)
    await expect(call).rejects.toMatchObject({ code: 'tls', outcome: 'not-done', retryable: false })
    await expect(call).rejects.toThrow(/DEPTH_ZERO_SELF_SIGNED_CERT.*AWS_CA_BUNDLE/)
  })

  it('does not accept the certificate of another host', async () => {
    const server = await serve(() => ok, { protocol: 'tls' })
    // 127.0.0.2 is this machine too, but not in the certificate.
    const elsewhere = server.url.replace('127.0.0.1', '127.0.0.2')
    await expect(exchange(transport(), elsewhere)).rejects.toMatchObject({ code: expect.stringMatching(/tls|connect/) })
  })

  it('says so when the port does not speak it', async () => {
    const server = await serve(() => ok)
    const call = exchange(transport(), server.url.replace('http:', 'https:'))
    await expect(call).rejects.toMatchObject({ code: 'tls' })
    await expect(call).rejects.toThrow('Does the port speak TLS?')
  })

  it('gives up a handshake that does not end', async () => {
    const { url } = await rawServer(() => {})
    const call = exchange(transport({ timeouts: { connectTimeoutMs: 50 } }), url.replace('http:', 'https:'))
    await expect(call).rejects.toMatchObject({ code: 'connect', outcome: 'not-done' })
    await expect(call).rejects.toThrow('within 50 ms')
  })
})

describe('the line for a connection', () => {
  it('has a bound: beyond it callers are turned away', async () => {
    const slots = new Slots(1)
    await slots.take(undefined)
    const waiting = Array.from({ length: WAITING_MAX }, () => slots.take(undefined))
    await expect(slots.take(undefined)).rejects.toMatchObject({ code: 'overloaded', outcome: 'not-done' })
    slots.refuseWaiting(new Error('over'))
    expect((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected')).toBe(true)
  })

  it('is first come, first served, and forgets who gave up', async () => {
    const slots = new Slots(1)
    await slots.take(undefined)
    const order: string[] = []
    const controller = new AbortController()
    const gaveUp = slots.take(controller.signal)
    const first = slots.take(undefined).then(() => order.push('first'))
    const second = slots.take(undefined).then(() => order.push('second'))
    controller.abort()
    await expect(gaveUp).rejects.toMatchObject({ code: 'aborted', outcome: 'not-done' })
    slots.give()
    await first
    slots.give()
    await second
    expect(order).toEqual(['first', 'second'])
  })
})

describe('proxyFor', () => {
  const rows: [target: string, except: string, proxied: boolean][] = [
    ['https://kinesis.us-east-1.amazonaws.com', '', true],
    ['https://kinesis.us-east-1.amazonaws.com', '*', false],
    ['https://kinesis.us-east-1.amazonaws.com', 'amazonaws.com', false],
    ['https://kinesis.us-east-1.amazonaws.com', '.amazonaws.com', false],
    ['https://kinesis.us-east-1.amazonaws.com', '*.amazonaws.com', false],
    ['https://notamazonaws.com', 'amazonaws.com', true],
    ['https://kinesis.test:8443', 'kinesis.test:8443', false],
    ['https://kinesis.test', 'kinesis.test:443', false],
    ['https://kinesis.test:8443', 'kinesis.test:443', true],
    ['http://10.1.2.3', 'example.com, 10.1.2.3', false],
    ['http://[::1]:4567', '[::1]', false],
    ['http://[fd00::1]:4567', '[fd00::1]:4567', false],
    ['http://KINESIS.test', 'kinesis.TEST', false],
  ]
  for (const [target, except, proxied] of rows)
    it(`sends ${target} ${proxied ? 'through the proxy' : 'straight'} with NO_PROXY=${except}`, () => {
      expect(proxyFor(new URL(target), { url: 'http://proxy:3128', except }) !== undefined).toBe(proxied)
    })
})
