/**
 * The nouns of the log's public face: what goes in, what comes back, what can go wrong. The log knows ledgers,
 * commits, frames and bytes; what a ledger stands for, and what the bytes mean, is its user's business.
 */
import type { Clock, Logger, Random } from '@millrace/std'
import type { AllocateBuffer, Disk } from './disk.ts'
import type { HeldLog } from './held-files.ts'

/**
 * A sequence of frames interleaved with others in one log, named by a dense number in 1 … 2^32 - 1. Never reused by
 * the log's user, not even after a drop. Ledger 0 is the log's own: metadata, trims and drops.
 */
export type Ledger = number

/**
 * A place between records of a ledger: the group commit, and the index of the record in the ledger's frame of that
 * commit. Ordered by commit, then index. Commits count from 1 and stay below 2^47; indexes are below 2^16.
 */
export interface Position {
  readonly commit: number
  readonly index: number
}

/** Records of one ledger in order, as the bytes that are stored. */
export interface Part {
  readonly ledger: Ledger
  /** How many records the bytes hold: 1 … PART_RECORDS_MAX. Each takes one index. */
  readonly records: number
  /** At most PART_BYTES_MAX, unless it is one single record. Must not change until the append settles; where its outcome is `unknown`, never. */
  readonly bytes: Uint8Array
}

/** `count` records stored side by side: indexes `firstIndex` … `firstIndex + count - 1` of `commit`. */
export interface Run {
  readonly commit: number
  readonly firstIndex: number
  readonly count: number
  /** Arrival time in ms since the epoch, given by the log; one for all records of a ledger in a commit. */
  readonly timeMs: number
}

/**
 * - `closed`: the ledger takes no more records (or was dropped, or never opened); nothing was stored.
 * - `unavailable`: the log cannot write now; nothing was stored.
 * - `no-space`: likewise, for want of room; comes back by itself.
 * - `overloaded`: likewise, a bounded queue was full; nothing happened.
 * - `unknown`: the outcome cannot be told (deadline, failing disk).
 */
export type AppendFailure = 'closed' | 'unavailable' | 'unknown' | 'no-space' | 'overloaded'

/** What became of one part: it is stored whole (one run) or there is a failure. */
export interface PartResult {
  readonly runs: readonly Run[]
  readonly failure?: AppendFailure
}

/** Records of one ledger as stored in one commit. */
export interface Frame {
  readonly commit: number
  /** Index of the first record in `bytes`: always 0, frames are never cut. */
  readonly firstIndex: number
  readonly records: number
  readonly timeMs: number
  readonly bytes: Uint8Array
}

export interface ReadOptions {
  /** Stop after the frame that reaches as many records, counted from the position asked for … */
  readonly recordsMax: number
  /**
   * … or as many stored bytes, without those of a frame that it begins in the midst of. At least one frame is returned if one
   * is due.
   */
  readonly bytesMax: number
  /** Frames with a time before this are passed over, as are those below the ledger's trim floor. Ms since the epoch. */
  readonly visibleFromMs: number
  /** On the clock's monotonic scale. A read that has not begun by then rejects with `unavailable`. */
  readonly deadlineMs: number
}

export interface ReadResult {
  /** In order, whole: the first may hold records below the position asked for. */
  readonly frames: readonly Frame[]
  /** Where to read on: after the last record of `frames`, or the position asked for (or the end of what is hidden). */
  readonly next: Position
  /** True when everything durable was returned: `next` stands at the tip (or at the end of a closed ledger). */
  readonly atTip: boolean
  /** True when the ledger is closed and `next` is its end: nothing will ever follow. */
  readonly ended: boolean
  /** Stored data that cannot be read stands right after `frames`. Read on from `to` to pass over it knowingly. */
  readonly damaged?: { readonly from: Position; readonly to: Position; readonly reason: string }
  /** The bytes are lent until this is called (once): the next read may be read into the same memory. */
  release(): void
}

export interface LedgerBounds {
  /** Just after the newest durable record; where the ledger was opened, if there is none. */
  readonly end: Position
  /** Time of the newest durable record, or of the ledger's opening. Ms since the epoch. */
  readonly endTimeMs: number
  readonly closed: boolean
}

export interface OpenLedger {
  readonly ledger: Ledger
  /** No record of this ledger gets a time before this. Ms since the epoch. */
  readonly notBeforeMs: number
}

export interface ClosedLedger {
  readonly end: Position
  /** When the ledger was closed: at or after the time of each of its records. Ms since the epoch. */
  readonly closedAtMs: number
}

export interface TrimFloor {
  readonly ledger: Ledger
  /** Records with a time before this are no longer needed. Never goes back. Ms since the epoch. */
  readonly beforeMs: number
  /**
   * How long records of this ledger are kept, in ms: what is kept alike is stored together, so that its space comes
   * back together. Only a hint, and not stored. Default: unknown.
   */
  readonly retentionMs?: number
}

export interface Deadline {
  /** On the clock's monotonic scale. At the deadline, what is undecided is `unknown`. */
  readonly deadlineMs: number
}

export interface MetadataOptions extends Deadline {
  /**
   * The change leads to space: `soon`, as one that begins to delete, or `later`, as one for keeping records for less long, of
   * which there may be many that give nothing back. On a full disk there is room left for each. Default: it does not.
   */
  readonly freesSpace?: 'soon' | 'later'
}

/** A record's place, with the time of its frame in ms since the epoch. */
export interface RecordPlace extends Position {
  readonly timeMs: number
}

/** What is lost of one ledger: the records themselves where that is known, or else the nearest that can be read. */
export interface DamagedLedger {
  readonly ledger: Ledger
  /** False: it may have lost something, or nothing; nobody can tell. */
  readonly isCertain: boolean
  /** The first record that cannot be read, and the last … */
  readonly first?: RecordPlace
  readonly last?: RecordPlace
  /** … or the one before what is lost, and the one after. */
  readonly after?: RecordPlace
  readonly before?: RecordPlace
}

/** Something stored that was durable and cannot be read. */
export interface Damage {
  /** For people: which file, where, and what is wrong. */
  readonly reason: string
  /** Whose records; empty if nobody's are concerned, or it cannot be told whose. */
  readonly ledgers: readonly DamagedLedger[]
}

/** The state machine whose changes are ledger 0: the log stores, replays and snapshots it without looking inside. */
export interface Metadata {
  /** Called once, first, before `Log.open` resolves: the newest snapshot, or `undefined` for an empty state. */
  restore(snapshot: Uint8Array | undefined): void
  /**
   * Called once for each durable change in order of commit: while opening for those above the snapshot, and later
   * for each `appendMetadata`, synchronously when its commit has become durable and before its promise resolves.
   * No two changes share a commit. Must not throw. The bytes are lent during the call.
   */
  apply(commit: number, bytes: Uint8Array): void
  /** The whole state after the last `apply`. Called at each segment seal; cost bounds the pause. */
  snapshot(): Uint8Array
}

export interface LogOptions {
  /** The directory, already locked by whoever opened it. The log closes its files, not the disk. */
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger?: Logger
  /** `fsync`: settled means synced. `os`: settled means written to the kernel; power loss may take it back. */
  readonly durability: 'fsync' | 'os'
  readonly metadata: Metadata
  /** Size of a new segment. Default SEGMENT_BYTES_DEFAULT (64 MiB). */
  readonly segmentBytes?: number
  /**
   * Version of the format (docs/formats/) that new segments have; those begun before go on in theirs. For samples of
   * logs of before, and no way back: a program that knows no later version must not open a log that ever had segments
   * of it, as it finds sealed ones by their indexes and does not see their version. Default: 2, the newest.
   */
  readonly segmentVersion?: 1 | 2
  /** Appends waiting or in flight take at most this. Beyond: `overloaded`. Default 32 MiB. */
  readonly queueBytesMax?: number
  /** Flushed commits kept in memory for readers of the tail. Default 128 MiB. */
  readonly tailBytesMax?: number
  /** Pages of index files kept in memory. Default 32 MiB. */
  readonly indexCacheBytesMax?: number
  /**
   * Bytes of frames lent from files at a time; further reads wait for a release. Default 64 MiB. Up to 8 MiB that came back
   * wait for the next reads.
   */
  readonly readBytesMax?: number
  /** No segment is prepared when that would leave less free on the file system. Default: one segment. */
  readonly freeBytesMin?: number
  /** No segment is prepared when all files of the log together would take more: segments, spares, indexes, snapshots. Default: no bound. */
  readonly bytesMax?: number
  /** Idle time after which an unproven tail is sealed. Default 5 ms. `undefined` keeps the default. */
  readonly sealIdleMs?: number
  /** Where the zeros of new segments, and what is regrouped, are put before they are written. Commits have their own. Default: ordinary memory. */
  readonly allocate?: AllocateBuffer
  /**
   * Called once when a write or a sync of a commit has failed: nothing more will be written by this opening, and only
   * a new one can tell what was stored. Reads go on. Must not throw.
   */
  readonly onStopped?: (reason: string) => void
}

export interface LogHealth {
  readonly writable: boolean
  /** Why not writable, for people. */
  readonly reason?: string
  /** Damage found so far, one line each, bounded. */
  readonly damage: readonly Damage[]
}

/** The files of the log at one moment, which stay as they are until `release`. */
export interface LogHold extends HeldLog {
  /** Resolves with the reason when the hold has ended, by `release` or because the log could not keep it. */
  readonly broken: Promise<string>
  release(): void
}

/** What the log holds and does, as numbers for metrics. */
export interface LogStatistics {
  readonly commits: number
  readonly durableCommit: number
  readonly segments: number
  readonly segmentBytes: number
  readonly spares: number
  readonly ledgers: number
  readonly queuedBytes: number
  readonly tailBytes: number
  readonly indexCacheBytes: number
}
