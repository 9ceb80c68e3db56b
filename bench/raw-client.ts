/**
 * A closed-loop load over plain sockets: each connection sends one prepared request, waits for the whole answer, and
 * sends the next. It parses just enough HTTP/1.1 to know where an answer ends, so that on two shared cores the
 * client costs as little as it can. Every answer must be a 200.
 */
import { connect, type Socket } from 'node:net'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  /** Ends the load before its time. Default: it does not. */
  readonly requestsMax?: number
  /** The bytes of the next request of a connection. */
  readonly request: (connection: number) => Uint8Array
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Bytes of answer bodies. */
  readonly bytesIn: number
}

const HEADER_END = Buffer.from('\r\n\r\n')

export async function load(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = []
  let bytesIn = 0
  const startedAt = performance.now()
  const endAt = startedAt + options.durationMs
  const requestsMax = options.requestsMax ?? Number.POSITIVE_INFINITY
  let sent = 0
  const mayGoOn = (): boolean => sent < requestsMax && performance.now() < endAt
  await Promise.all(
    Array.from({ length: options.connections }, (_, connection) =>
      drive(
        options.port,
        () => {
          sent++
          return options.request(connection)
        },
        mayGoOn,
        (ms, bytes) => {
          latencies.push(ms)
          bytesIn += bytes
        },
      ),
    ),
  )
  const seconds = (performance.now() - startedAt) / 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { requests: latencies.length, seconds, bytesIn, latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) } }
}

function drive(
  port: number,
  next: () => Uint8Array,
  mayGoOn: () => boolean,
  onAnswer: (latencyMs: number, bodyBytes: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let sentAt = 0
    let head: Buffer = Buffer.alloc(0)
    let bodyBytes = 0
    let missing = -1
    const send = (): void => {
      sentAt = performance.now()
      socket.write(next())
    }
    const finish = (): void => {
      onAnswer(performance.now() - sentAt, bodyBytes)
      missing = -1
      head = Buffer.alloc(0)
      if (mayGoOn()) send()
      else socket.end(resolve)
    }
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      if (missing >= 0) {
        missing -= chunk.length
        if (missing === 0) finish()
        return
      }
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      const end = head.indexOf(HEADER_END)
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      if (!text.startsWith('HTTP/1.1 200')) {
        reject(new Error(`expected 200, got: ${head.toString('latin1', 0, 400)}`))
        socket.destroy()
        return
      }
      bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
      missing = bodyBytes - (head.length - end - HEADER_END.length)
      if (missing === 0) finish()
    })
  })
}
