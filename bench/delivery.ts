/** The rows of delivery: how soon a record reaches its readers, and what twenty of them cost beside one. */
import { fanOut, type FanOutLoad, type FanOutResult } from './fan-out.ts'
import type { Latency } from './paced-puts.ts'
import { median } from './pairs.ts'
import { putToGet } from './poll.ts'
import type { MeasuredProcess } from './processes.ts'
import type { Settings } from './rows.ts'

export interface DeliveryRow extends Latency {
  readonly work: string
  /** Processor seconds of the server per second, and how many times those of one consumer, round by round. */
  readonly cpu?: number
  readonly cpuRatio?: number
  readonly toReach: string
}

const PUTS_PER_SECOND = 200

const loads: readonly (Pick<FanOutLoad, 'consumers' | 'shards' | 'isEncrypted'> & { readonly toReach: string })[] = [
  { consumers: 1, shards: 1, toReach: 'p50 < 3, p99 < 15' },
  { consumers: 20, shards: 1, toReach: 'CPU ≤ 3 ×' },
  { consumers: 20, shards: 16, toReach: '' },
  { consumers: 1, shards: 1, isEncrypted: true, toReach: '' },
  { consumers: 20, shards: 1, isEncrypted: true, toReach: 'CPU ≤ 3 ×' },
]

/** Every load once per round, after one round that is not counted. */
export async function deliveryRows(server: MeasuredProcess, { rounds, durationMs }: Settings): Promise<DeliveryRow[]> {
  const pushed: FanOutResult[][] = loads.map(() => [])
  const polled: Latency[] = []
  for (let round = 0; round <= rounds; round++) {
    const pace = { putsPerSecond: PUTS_PER_SECOND, durationMs: round === 0 ? Math.min(1_000, durationMs) : durationMs }
    const got = await putToGet(server, pace)
    if (round > 0) polled.push(got)
    for (const [i, load] of loads.entries()) {
      const result = await fanOut(server, { ...load, ...pace })
      if (round > 0) pushed[i]?.push(result)
    }
  }
  const poll = `put to GetRecords, ${PUTS_PER_SECOND}/s, 1 reader, 1 shard`
  return [
    { work: poll, ...medians(polled), toReach: 'p50 < 1.5, p99 < 10' },
    ...loads.map(({ consumers, shards, isEncrypted, toReach }, i) => {
      const results = pushed[i] ?? []
      const ofOne = pushed[isEncrypted === true ? 3 : 0] ?? []
      return {
        work:
          `put to SubscribeToShard event, ${PUTS_PER_SECOND}/s, ${consumers} × ${shards} subscriptions` +
          (isEncrypted === true ? ', encrypted' : ''),
        ...medians(results),
        cpu: median(results.map(({ cpu }) => cpu)),
        ...(consumers === 1 ? {} : { cpuRatio: median(results.map(({ cpu }, k) => cpu / (ofOne[k]?.cpu ?? NaN))) }),
        toReach,
      }
    }),
  ]
}

function medians(results: readonly Latency[]): Latency {
  return { p50Ms: median(results.map(({ p50Ms }) => p50Ms)), p99Ms: median(results.map(({ p99Ms }) => p99Ms)) }
}
