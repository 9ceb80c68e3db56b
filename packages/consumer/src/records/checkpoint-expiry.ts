/**
 * Notices that the record of a checkpoint is not there any more, as when a fleet was away for longer than the retention. The
 * service begins with the oldest record that is left and has no mark for what it removed (KINESIS.md §14), so whether there
 * were records between cannot be known; what is there says how likely it is.
 */
import { decodeSequenceNumber } from '@millrace/protocol'
import type { Logger } from '@millrace/std'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { Lease } from '../leases/lease.ts'
import type { ReadBatch } from '../retrieval/shard-reader.ts'

export interface ExpiredCheckpoint {
  /** When its record arrived, as its number says, ms since the epoch. */
  readonly checkpointAtMs: number
  /** What arrived before is not there any more, ms since the epoch. */
  readonly horizonMs: number
  /** The oldest record that is left, when it arrived, ms since the epoch. Absent: none is left. */
  readonly firstAtMs: number | undefined
  /**
   * Nothing is left of the time between the checkpoint and the horizon, and a record came sooner behind the horizon than that time is long:
   * in a shard that is written to as often, there was one in it.
   */
  readonly isLikely: boolean
}

export interface CheckpointExpiryOptions {
  readonly checkpoint: ExtendedSequenceNumber
  /** By the service's clock and the stream's retention, ms since the epoch. `undefined`: not known. */
  readonly horizonMs: () => number | undefined
}

/** Numbers have whole seconds. */
const SECOND_MS = 1_000

/** One for each reading of a shard. */
export class CheckpointExpiry {
  readonly #options: CheckpointExpiryOptions
  #isDecided = false

  constructor(options: CheckpointExpiryOptions) {
    this.#options = options
  }

  /** Of each answer, in order; tells at most once, of the first that has records or is at the tip. */
  see({ records: [first], millisBehindLatest }: ReadBatch): ExpiredCheckpoint | undefined {
    if (this.#isDecided || (first === undefined && millisBehindLatest > 0)) return undefined
    this.#isDecided = true
    const { checkpoint } = this.#options
    const number = decodeSequenceNumber(checkpoint.sequenceNumber)
    const horizonMs = this.#options.horizonMs()
    if (number?.version !== 2 || horizonMs === undefined) return undefined
    const checkpointAtMs = number.timeS * SECOND_MS
    // Younger ones are kept: it is of no record, as a seek may have it.
    if (checkpointAtMs + SECOND_MS > horizonMs) return undefined
    if (first?.SequenceNumber === checkpoint.sequenceNumber) return undefined
    const firstAtMs = first?.ApproximateArrivalTimestamp
    const isLikely = firstAtMs !== undefined && firstAtMs - horizonMs < horizonMs - checkpointAtMs
    return { checkpointAtMs, horizonMs, firstAtMs, isLikely }
  }
}

/** A shard that nothing came to for longer than the retention is no reason to warn. */
export function logExpired(
  { stream, shardId, checkpoint }: Pick<Lease, 'stream' | 'shardId' | 'checkpoint'>,
  { checkpointAtMs, horizonMs, isLikely }: ExpiredCheckpoint,
  logger: Logger | undefined,
): void {
  logger?.[isLikely ? 'warn' : 'info'](
    'a checkpoint is older than the retention: records behind it may have been lost',
    {
      stream,
      shardId,
      checkpoint: checkpoint.sequenceNumber,
      checkpointAt: new Date(checkpointAtMs).toISOString(),
      horizon: new Date(horizonMs).toISOString(),
      next: 'The shard goes on with the oldest record that is left. Have a worker run at all times, or make the retention longer.',
    },
  )
}
