/** A closed-loop load: each connection sends a prepared request, waits for the whole answer, and sends the next. */
import { type AnswerReader, Connection, HttpAnswer } from './connection.ts'
import { type Latency, latencyOf } from './statistics.ts'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  /** Ends the load before its time. Default: it does not. */
  readonly requestsMax?: number
  /** The bytes of the next request of a connection. */
  readonly request: (connection: number) => Uint8Array
  /** Default: HTTP. */
  readonly reader?: () => AnswerReader
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly latencyMs: Latency
  /** Bytes of answer bodies. */
  readonly bytesIn: number
  /** Processor seconds of this process. */
  readonly clientCpuSeconds: number
}

export async function load(options: LoadOptions): Promise<LoadResult> {
  const { port, connections, durationMs, requestsMax = Infinity, request, reader = () => new HttpAnswer() } = options
  const latencies: number[] = []
  let [sent, bytesIn] = [0, 0]
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const endAt = startedAt + durationMs
  const drive = (at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const loop = (connection: Connection): void => {
        const sentAt = performance.now()
        if (sentAt >= endAt || sent >= requestsMax) {
          connection.close()
          resolve()
          return
        }
        sent++
        connection.ask(request(at), (bytes) => {
          latencies.push(performance.now() - sentAt)
          bytesIn += bytes
          loop(connection)
        })
      }
      Connection.open(port, reader(), reject).then(loop, reject)
    })
  await Promise.all(Array.from({ length: connections }, (_, at) => drive(at)))
  const seconds = (performance.now() - startedAt) / 1000
  const clientCpuSeconds = cpuSecondsSince(cpuBefore)
  return { requests: latencies.length, seconds, bytesIn, clientCpuSeconds, latencyMs: latencyOf(latencies) }
}

/** Of this process. */
export function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
