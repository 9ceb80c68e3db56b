import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { deferred, systemClock } from '@millrace/std'
import { afterEach, describe, expect, it } from 'vitest'
import { openTransport } from './open-transport.ts'

/** More than the kernel takes from a writer whose other side does not read. */
const LARGE_BYTES = 32 * 1024 * 1024

const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0)) end()
})

async function listen(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A server that holds its answers, behind a wire that the test can stop in the client's direction. */
async function heldServer(): Promise<{ url: URL; first: Promise<ServerHttp2Stream>; stopReading(): void }> {
  const first = deferred<ServerHttp2Stream>()
  const server = createHttp2Server({ settings: { initialWindowSize: LARGE_BYTES } })
  server.on('session', (session) => session.setLocalWindowSize(LARGE_BYTES))
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    first.resolve(stream)
  })
  const port = await listen(server)
  const clients: Socket[] = []
  const wire = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    upstream.pipe(client).pipe(upstream)
    clients.push(client)
    for (const socket of [client, upstream]) {
      socket.on('error', () => {})
      ends.push(() => socket.destroy())
    }
  })
  return {
    url: new URL(`http://127.0.0.1:${await listen(wire)}`),
    first: first.promise,
    stopReading() {
      for (const client of clients) client.unpipe().pause()
    },
  }
}

describe('a pool of HTTP/2 sessions', () => {
  it(
    'closes though an answer came whose caller had given up, when the server could not be told yet',
    { timeout: 20_000 },
    async () => {
      const { url, first, stopReading } = await heldServer()
      const over = openTransport({ clock: systemClock, httpVersion: '2' })
      const end = new AbortController()
      const exchange = (body: Uint8Array): Promise<unknown> =>
        over.exchange({ method: 'POST', url, headers: {}, body }, { signal: end.signal })
      const held = exchange(Buffer.from('{}'))
      const stream = await first
      stopReading()
      const large = exchange(Buffer.alloc(LARGE_BYTES))
      // Its first pieces are on their way: from here on no frame of ours goes out.
      await new Promise((resolve) => setImmediate(resolve))
      end.abort()
      await expect(held).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown' })
      await expect(large).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown' })
      stream.respond({ ':status': 200 })
      stream.end('x'.repeat(20_000))
      await new Promise((resolve) => stream.once('finish', resolve))
      await over.close()
    },
  )
})
