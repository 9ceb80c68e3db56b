/**
 * A time to begin at that has not come. The service refuses one that is later than its own (KINESIS.md §14), and a machine whose
 * clock is ahead gives it with the best intentions: it is waited for.
 */
import { sleep } from '@millrace/std'
import { timeOf } from '../service.ts'
import { failureType, ReadTrouble } from './read-failure.ts'
import type { ReaderContext } from './reader-context.ts'
import type { ShardToRead } from './shard-reader.ts'

/** A look at the time again: each answer of the service tells its clock anew. */
const LOOK_MS = 10_000
/** So far the clocks of a service's servers may be apart, and the one that answers behind the one that told the time. */
const CLOCK_DIFFERENCE_MS = 60_000

/** Resolves when the shard's time to begin at has come, by the service's clock where it is known. Rejects with the signal's reason. */
export async function untilBeginTime(
  { position, stream, shardId }: ShardToRead,
  { service, clock, logger }: ReaderContext,
  signal: AbortSignal,
): Promise<void> {
  if (position.kind !== 'time') return
  const leftMs = (): number => position.timeMs - timeOf(service, clock)
  if (leftMs() <= 0) return
  logger.info('the time at which a shard begins has not come: it is waited for', { stream, shardId, waitMs: leftMs() })
  for (let waitMs = leftMs(); waitMs > 0; waitMs = leftMs()) await sleep(clock, Math.min(waitMs, LOOK_MS), signal)
}

/** The same error, or a trouble that passes where the service refused the time that came just now. */
export function unlessTooEarly(error: unknown, { position }: ShardToRead, { service, clock }: ReaderContext): unknown {
  if (position.kind !== 'time' || failureType(error) !== 'InvalidArgumentException') return error
  if (timeOf(service, clock) - position.timeMs > CLOCK_DIFFERENCE_MS) return error
  return new ReadTrouble('The service refused the time to begin at, which has just come.', { cause: error })
}
