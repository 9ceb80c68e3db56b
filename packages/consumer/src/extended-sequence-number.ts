/**
 * A place in a shard, down to the user record inside an aggregated one, and the words that stand for places without a
 * number. The KCL's notion and spelling (amazon-kinesis-client, ExtendedSequenceNumber), which its lease table stores.
 */

/** Where to begin when nothing was checkpointed, and the end of a shard whose records are all done with. */
export type Sentinel = 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP' | 'SHARD_END'

export interface ExtendedSequenceNumber {
  /** Decimal digits, as the service gives them, or a sentinel. */
  readonly sequenceNumber: string
  /** The place in an aggregated record, from 0; 0 also for a record that stands alone. */
  readonly subSequenceNumber: number
}

export const TRIM_HORIZON: ExtendedSequenceNumber = { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 }
export const LATEST: ExtendedSequenceNumber = { sequenceNumber: 'LATEST', subSequenceNumber: 0 }
export const AT_TIMESTAMP: ExtendedSequenceNumber = { sequenceNumber: 'AT_TIMESTAMP', subSequenceNumber: 0 }
export const SHARD_END: ExtendedSequenceNumber = { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 }

/** Below every number; the shard's end is above. In the KCL's order. */
const BELOW = ['AT_TIMESTAMP', 'TRIM_HORIZON', 'LATEST']

export function isSentinel({ sequenceNumber }: ExtendedSequenceNumber): boolean {
  return sequenceNumber === 'SHARD_END' || BELOW.includes(sequenceNumber)
}

export function isShardEnd({ sequenceNumber }: ExtendedSequenceNumber): boolean {
  return sequenceNumber === 'SHARD_END'
}

/** A RangeError for what is neither digits nor a sentinel. */
export function extendedSequenceNumber(sequenceNumber: string, subSequenceNumber = 0): ExtendedSequenceNumber {
  const value = { sequenceNumber, subSequenceNumber }
  if (!/^(?:0|[1-9]\d{0,128})$/.test(sequenceNumber) && !isSentinel(value))
    throw new RangeError(`Expected a sequence number in decimal digits, found "${sequenceNumber.slice(0, 200)}".`)
  if (!Number.isSafeInteger(subSequenceNumber) || subSequenceNumber < 0)
    throw new RangeError(`Expected a sub-sequence number from 0 on, found ${subSequenceNumber}.`)
  return value
}

/** Of a record, for instance, of which nothing else should be kept. */
export function placeOf({ sequenceNumber, subSequenceNumber }: ExtendedSequenceNumber): ExtendedSequenceNumber {
  return { sequenceNumber, subSequenceNumber }
}

/** Below zero where `a` stands before `b`, above where it stands behind. */
export function compareSequenceNumbers(a: ExtendedSequenceNumber, b: ExtendedSequenceNumber): number {
  const ranks = rankOf(a) - rankOf(b)
  if (ranks !== 0) return ranks
  if (isSentinel(a)) return 0
  return compareDigits(a.sequenceNumber, b.sequenceNumber) || a.subSequenceNumber - b.subSequenceNumber
}

function rankOf(place: ExtendedSequenceNumber): number {
  if (isShardEnd(place)) return 1
  const rank = BELOW.indexOf(place.sequenceNumber)
  return rank < 0 ? 0 : rank - BELOW.length
}

/** Big integers in canonical decimal: the longer is the larger. Ten times cheaper than BigInt. */
function compareDigits(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
