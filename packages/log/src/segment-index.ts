/**
 * Where the frames of each ledger stand in one segment. Two implementations: `MemoryIndex` for the active segment and
 * those still in the tail cache, `FileIndex` for the rest. Both answer the same questions the same way (a property
 * shows it); the first at once.
 */
import type { Ledger } from './api.ts'

/** A frame's place. Times and commits of one ledger never fall from one entry to the next. */
export interface IndexEntry {
  readonly kind: number
  readonly codec: number
  readonly records: number
  readonly commit: number
  /** The commit of this ledger's frame before; 0 for its first. */
  readonly previousCommit: number
  readonly timeMs: number
  /** Of the payload, from the start of the segment file. */
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

export interface IndexQuery {
  readonly ledger: Ledger
  /** Only entries of a later commit, or of this one with more than `fromIndex` records … */
  readonly fromCommit: number
  readonly fromIndex: number
  /** … with at least this time. */
  readonly fromTimeMs: number
  /** Stop after the entry that reaches as many records, those up to `fromIndex` left out … */
  readonly recordsMax: number
  /** … or bytes, without those of a frame that it begins in the midst of. */
  readonly bytesMax: number
}

export interface SegmentIndex {
  has(ledger: Ledger): boolean
  /** Entries in order; entries without records (open, close) come along and count for nothing. */
  collect(query: IndexQuery): readonly IndexEntry[] | Promise<readonly IndexEntry[]>
  /** Each ledger here, ascending. */
  ledgers(): readonly Ledger[] | Promise<readonly Ledger[]>
  /** The newest entry of a ledger here. */
  last(ledger: Ledger): IndexEntry | undefined | Promise<IndexEntry | undefined>
}

/** The first number in [low, high) for which `isAtOrAfter` holds; `high` if there is none. */
export function lowerBound(low: number, high: number, isAtOrAfter: (index: number) => boolean): number {
  let from = low
  let to = high
  while (from < to) {
    const middle = (from + to) >>> 1
    if (isAtOrAfter(middle)) to = middle
    else from = middle + 1
  }
  return from
}

/** Whether an entry is at or after what a query starts from. Once true for a ledger, true for all later entries. */
export function isReached(query: IndexQuery, commit: number, records: number, timeMs: number): boolean {
  if (timeMs < query.fromTimeMs || commit < query.fromCommit) return false
  return commit > query.fromCommit || records > query.fromIndex
}

/** How many records of an entry that a query has reached are asked for: a reader may be in the midst of its frame. */
export function recordsAskedFor({ fromCommit, fromIndex }: IndexQuery, { commit, records }: IndexEntry): number {
  return commit === fromCommit ? records - Math.max(0, fromIndex) : records
}

/** How many bytes of an entry count: none where a reader is in the midst of its frame, since how many are left is not told here. */
export function bytesAskedFor({ fromCommit, fromIndex }: IndexQuery, { commit, bytes }: IndexEntry): number {
  return commit === fromCommit && fromIndex > 0 ? 0 : bytes
}

/** Everything of a ledger from a commit on. */
export function queryAll(ledger: Ledger, fromCommit: number): IndexQuery {
  const none = Number.POSITIVE_INFINITY
  return { ledger, fromCommit, fromIndex: -1, fromTimeMs: 0, recordsMax: none, bytesMax: none }
}
