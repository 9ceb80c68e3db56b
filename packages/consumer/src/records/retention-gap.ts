/**
 * Notices that records may have expired before they were read, as when a fleet was away, or a processor held its shard up, for longer than
 * the retention. The service goes on with the oldest record that is left and has no mark for what it removed (KINESIS.md §14), so whether
 * there were records between cannot be known; what is there says how likely it is.
 */
import { decodeSequenceNumber } from '@millrace/protocol'
import type { Logger } from '@millrace/std'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { Lease } from '../leases/lease.ts'
import type { ReadBatch } from '../retrieval/shard-reader.ts'

export interface RetentionGap {
  /**
   * Everything that came before was read, ms since the epoch: when the record of the checkpoint or the last one that was read arrived, when
   * reading was at the tip, or where a lease at LATEST or AT_TIMESTAMP begins.
   */
  readonly readToMs: number
  /** What arrived before is not there any more, ms since the epoch. */
  readonly horizonMs: number
  /** The oldest record that is left, when it arrived, ms since the epoch. Absent: none is left. */
  readonly firstAtMs: number | undefined
  /**
   * A record came sooner behind the horizon than the time of which nothing is left is long, and within a tenth of the retention: in a shard that
   * is written to as often, there was one in it. `undefined`: nothing is left, so that nothing tells.
   */
  readonly isLikely: boolean | undefined
}

export interface RetentionGapsOptions {
  readonly lease: Pick<Lease, 'key' | 'checkpoint' | 'startTimeMs'>
  /** By the clock that stamps records, ms since the epoch. */
  readonly now: () => number
  /** Of the stream, ms. `undefined`: not known. */
  readonly retentionMs: () => number | undefined
}

/** Numbers have whole seconds, answers take their time, and servers have a clock each: a shorter gap may be none. */
const GAP_MIN_MS = 60_000
/** A record every few hours says nothing of a day, and one that came just before the shard began says nothing of a week. */
const LIKELY_SHARE = 0.1

/** One for each reading of a shard. */
export class RetentionGaps {
  readonly #options: RetentionGapsOptions
  /** `undefined`: not known, as at TRIM_HORIZON, which is wherever there is something. */
  #readToMs: number | undefined

  constructor(options: RetentionGapsOptions) {
    this.#options = options
    this.#readToMs = placeMs(options.lease)
  }

  /** Of each answer, in order, when it comes. */
  see({ records, millisBehindLatest }: ReadBatch): RetentionGap | undefined {
    const isAtTip = millisBehindLatest === 0
    const [first] = records
    // Nothing yet of a stretch that is empty.
    if (first === undefined && !isAtTip) return undefined
    const readToMs = this.#readToMs
    const nowMs = this.#options.now()
    const seenToMs = isAtTip ? nowMs : records.at(-1)?.ApproximateArrivalTimestamp
    if (seenToMs !== undefined) this.#readToMs = Math.max(readToMs ?? seenToMs, seenToMs)
    const retentionMs = this.#options.retentionMs()
    if (readToMs === undefined || retentionMs === undefined) return undefined
    return gapOf(readToMs, nowMs - retentionMs, retentionMs, first)
  }
}

function gapOf(
  fromMs: number,
  horizonMs: number,
  retentionMs: number,
  first: ReadBatch['records'][number] | undefined,
): RetentionGap | undefined {
  // A shard has nothing from before it was made.
  const readToMs = Math.max(fromMs, bornMs(first))
  if (readToMs > horizonMs - GAP_MIN_MS) return undefined
  if (first === undefined) return { readToMs, horizonMs, firstAtMs: undefined, isLikely: undefined }
  const firstAtMs = first.ApproximateArrivalTimestamp
  // What expires is not all gone yet: what is missing cannot be told from what never was.
  if (firstAtMs === undefined || firstAtMs < horizonMs - GAP_MIN_MS) return undefined
  const isLikely = firstAtMs - horizonMs < Math.min(horizonMs - readToMs, retentionMs * LIKELY_SHARE)
  return { readToMs, horizonMs, firstAtMs, isLikely }
}

/** Where a lease begins, ms since the epoch. A number of another layout tells no time. */
function placeMs({ key, checkpoint, startTimeMs }: RetentionGapsOptions['lease']): number | undefined {
  // A time to begin at may be long before there was a stream.
  if (startTimeMs !== undefined && ['LATEST', 'AT_TIMESTAMP'].includes(checkpoint.sequenceNumber))
    return Math.max(startTimeMs, (parseLeaseKey(key)?.createdAtSecond ?? 0) * 1_000)
  const number = decodeSequenceNumber(checkpoint.sequenceNumber)
  return number?.version === 2 ? number.timeS * 1_000 : undefined
}

/** The record's shard, as its number says. */
function bornMs(record: ReadBatch['records'][number] | undefined): number {
  const number = decodeSequenceNumber(record?.SequenceNumber ?? '')
  return number?.version === 2 ? number.birthS * 1_000 : 0
}

/** A shard that nothing came to for longer than the retention is no reason to warn. */
export function logGap(
  { stream, shardId }: Pick<Lease, 'stream' | 'shardId'>,
  { readToMs, horizonMs, isLikely }: RetentionGap,
  logger: Logger | undefined,
): void {
  logger?.[isLikely === true ? 'warn' : 'info'](
    'a shard goes on behind a gap that is older than the retention: records in it may have been lost',
    {
      stream,
      shardId,
      readTo: new Date(readToMs).toISOString(),
      horizon: new Date(horizonMs).toISOString(),
      next: 'The shard goes on with the oldest record that is left. Have workers keep up at all times, or make the retention longer.',
    },
  )
}
