/** Puts at an even pace, whether or not the ones before were answered; each record tells when it was sent. */
import { setTimeout as sleep } from 'node:timers/promises'
import { call } from './requests.ts'

export interface Pace {
  readonly putsPerSecond: number
  readonly durationMs: number
}

/** Resolves with the number of puts when the last one was answered. */
export async function putAtPace(port: number, stream: string, { putsPerSecond, durationMs }: Pace): Promise<number> {
  const startedAt = performance.now()
  const puts: Promise<unknown>[] = []
  for (let sent = 0; performance.now() - startedAt < durationMs; sent++) {
    const waitMs = startedAt + (sent * 1000) / putsPerSecond - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    const Data = Buffer.from(`${performance.now()} ${'x'.repeat(80)}`).toString('base64')
    puts.push(call(port, 'PutRecord', { StreamName: stream, PartitionKey: `k${sent}`, Data }))
  }
  await Promise.all(puts)
  return puts.length
}

/** Milliseconds since each of the records of an answer was sent. */
export function agesOf(records: readonly { readonly Data: string }[]): number[] {
  const now = performance.now()
  return records.map(({ Data }) => now - Number(Buffer.from(Data, 'base64').toString().split(' ')[0]))
}

/** Resolves when `isSo`, or rejects after two seconds. */
export async function until(isSo: () => boolean, what: () => string): Promise<void> {
  for (let i = 0; !isSo(); i++) {
    if (i === 100) throw new Error(what())
    await sleep(20)
  }
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

export function latencyOf(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
