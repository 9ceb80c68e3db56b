/** What can be chosen of how shards are consumed. */
import type { FailurePolicy } from '../failure-policy.ts'
import { checkFailurePolicy } from '../failure-policy.ts'
import { checkNames } from '../option-checks.ts'
import type { PrefetchBounds } from './prefetcher.ts'

export interface ShardConsumerOptions {
  readonly prefetch?: PrefetchBounds | undefined
  /** Records delivered at once, at most: independent of what the service gives at once. Default: 10,000. */
  readonly batchRecordsMax?: number | undefined
  /** Answers without records are delivered too, for processors that do something by time. Default: false. */
  readonly emptyBatches?: boolean | undefined
  readonly failure?: FailurePolicy | undefined
  /**
   * How long what is in hand is waited for when the lease is released or gone, ms; at a stop as long as that says. Then it is
   * given up without: the next owner does it again. Default: 30,000, the KCL's.
   */
  readonly finishMs?: number | undefined
  /** A call of the processor, or of an asynchronous schema, that takes longer is told as slow, ms. Default: 30,000. */
  readonly slowMs?: number | undefined
  /**
   * One that takes longer than this hangs: the shard is left to other workers for a minute, ms. Default: never, as nobody can tell a call
   * that hangs from one that is long, and what goes on behind a lease that was given up is done twice; but one of five minutes is
   * warned of (`stuck`).
   */
  readonly hangMs?: number | undefined
}

export type ResolvedShardConsumerOptions = Required<{
  [Name in keyof ShardConsumerOptions]: Exclude<ShardConsumerOptions[Name], undefined>
}>

/** Timers take no more, ms. */
export const TIMER_MS_MAX = 2 ** 31 - 1

/** Fills in the defaults. A RangeError for what is no sensible choice. */
export function resolveShardConsumerOptions({
  prefetch = {},
  batchRecordsMax = 10_000,
  emptyBatches = false,
  failure = {},
  finishMs = 30_000,
  slowMs = 30_000,
  hangMs = Infinity,
}: ShardConsumerOptions): ResolvedShardConsumerOptions {
  checkNames(prefetch, ['bytesMax', 'recordsMax', 'batchesMax', 'workerBytesMax'], 'prefetch')
  const counts = { ...prefetch, batchRecordsMax }
  for (const [name, value] of Object.entries(counts))
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw new RangeError(
        `Expected a whole number from 1 on for ${name}, found ${value}. Leave it out for the default.`,
      )
  for (const [name, value] of Object.entries({ finishMs, slowMs, ...(hangMs === Infinity ? {} : { hangMs }) }))
    if (!(value > 0 && value <= TIMER_MS_MAX))
      throw new RangeError(`Expected milliseconds above 0, at most ${TIMER_MS_MAX}, for ${name}, found ${value}.`)
  checkFailurePolicy(failure)
  return { prefetch, batchRecordsMax, emptyBatches, failure, finishMs, slowMs, hangMs }
}
