/**
 * The engine port: what the service needs of storage, and all it may assume. Two halves: a shard store for records
 * and a metadata store for small documents. The service above it is written once; an engine below it may be one
 * directory on one machine or a cluster with many servers in front. So nothing here is true "because there is only
 * one process": whatever two servers could see differently is settled by `cas` or by `close`.
 *
 * Invariants every engine keeps (engine.contract.ts shows them):
 * - What is in a `Run` is durable, and is read back once, byte for byte, at its position, for ever (until trimmed).
 * - Positions and times of one shard never step back. No position is given twice, across any crash.
 * - Once `close` has resolved, no append to that shard succeeds, whoever sent it and whenever.
 * - `read`, `bounds` and `onAdvance` show only what is durable.
 * - Operating errors are values (`failure`) or an `EngineError`; engines never throw wire errors.
 */

/**
 * A dense number, 1 … 2^32 - 1, naming one shard of one stream of one account and region. Given out by metadata, never
 * reused.
 */
export type ShardRef = number

/**
 * A place between records of a shard, on the engine's own scale: the group commit (cluster: the message) and the
 * index of the record in it. Ordered by commit, then index. `commit` < 2^47, `index` < 2^16. The first commit is 1.
 */
export interface Position {
  readonly commit: number
  readonly index: number
}

/** Before every record of any shard. */
export const POSITION_START: Position = { commit: 0, index: 0 }

/** Records of one shard, in order, laid out once by the edge (engine/record-layout.ts) and stored as they are. */
export interface Part {
  readonly shard: ShardRef
  /** 1 … PART_RECORDS_MAX. */
  readonly records: number
  /** At most PART_BYTES_MAX, unless it is one single record. Must not change until the append settles; where its outcome is `unknown`, never. */
  readonly bytes: Uint8Array
}

/** A request adds no more than this to one commit, so that small puts pass large ones (DESIGN.md §5). */
export const PART_BYTES_MAX = 256 * 1024
/** The index of a record in its commit has 16 bits; a part stays well below, so that several share a commit. */
export const PART_RECORDS_MAX = 4096

/** `count` records stored side by side: indexes `firstIndex` … `firstIndex + count - 1` of `commit`. */
export interface Run {
  readonly commit: number
  readonly firstIndex: number
  readonly count: number
  /** Arrival time in ms since the epoch, given by the engine; the same for all records of a commit in a shard. */
  readonly timeMs: number
}

/**
 * - `closed`: the shard takes no more records; nothing of the rest was stored. Route it to the children.
 * - `unavailable`: the engine cannot write now; nothing of the rest was stored.
 * - `no-space`: likewise, for want of room; comes back by itself.
 * - `overloaded`: likewise, a bounded queue was full; nothing happened.
 * - `unknown`: the outcome cannot be told (deadline, failing disk). Never retried inside with new bytes.
 */
export type AppendFailure = 'closed' | 'unavailable' | 'unknown' | 'no-space' | 'overloaded'

/** What became of one part: `runs` hold a prefix of its records; `failure`, if present, is about the rest. */
export interface PartResult {
  readonly runs: readonly Run[]
  readonly failure?: AppendFailure
}

/** Records of one shard as stored: bytes of one commit, laid out as in engine/record-layout.ts. */
export interface StoredFrame {
  readonly commit: number
  /** Index of the first record in `bytes` (0 unless an engine cuts frames). */
  readonly firstIndex: number
  readonly records: number
  readonly timeMs: number
  readonly bytes: Uint8Array
  /** Never by an engine: sealed data in it was opened (encryption/open-frames.ts). */
  readonly isOpened?: true
}

export interface TrimFloor {
  readonly shard: ShardRef
  /** Ms since the epoch. */
  readonly beforeMs: number
  /** How long this shard's records are kept, in ms: a hint by which an engine may store alike what is kept alike. */
  readonly retentionMs?: number
}

export interface ReadOptions {
  /** Stop after the frame that reaches as many records, counted from the position asked for … */
  readonly recordsMax: number
  /**
   * … or as many stored bytes, without those of a frame that it begins in the midst of. At least one frame is returned if one
   * is due.
   */
  readonly bytesMax: number
  /** Frames with a time before this are hidden (retention, trim floor). Ms since the epoch. */
  readonly visibleFromMs: number
  /** On the engine's monotonic clock. */
  readonly deadlineMs: number
}

export interface ReadResult {
  /** In order. Whole frames: the first may hold records below the position asked for; the caller passes over them. */
  readonly frames: readonly StoredFrame[]
  /** Where to read on: after the last record of `frames`, or the position asked for (or the end of what is hidden). */
  readonly next: Position
  /** True when everything durable was returned: `next` stands at the tip (or at the end of a closed shard). */
  readonly atTip: boolean
  /** True when the shard is closed and `next` is its end: nothing will ever follow. */
  readonly ended: boolean
  /** Stored data that cannot be read stands right after `frames`. Nothing beyond it is returned. */
  readonly damaged?: { readonly from: Position; readonly to: Position; readonly reason: string }
  /** The bytes are lent until this is called (once). */
  release(): void
}

export interface ShardBounds {
  /** Just after the newest durable record: what LATEST means. */
  readonly end: Position
  /** Time of the newest durable record, or of the shard's opening. */
  readonly endTimeMs: number
  readonly closed: boolean
}

export interface OpenShard {
  readonly shard: ShardRef
  /** No record of this shard gets a time before this. Ms since the epoch. */
  readonly notBeforeMs: number
}

export interface ClosedShard {
  readonly end: Position
  /** When the shard was closed: at or after the time of each of its records. Ms since the epoch. */
  readonly closedAtMs: number
}

export interface Deadline {
  /** On the clock's monotonic scale. At the deadline, what is undecided is `unknown`. */
  readonly deadlineMs: number
}

export interface ShardStore {
  /** Makes shards exist, open. Idempotent: a shard that exists (even closed) is left as it is. */
  provision(shards: readonly OpenShard[], options: Deadline): Promise<void>
  /**
   * Stores the parts of one request and settles once, with a result per part, in order. Parts of one shard are
   * stored in the order given. Never rejects for operating errors.
   */
  append(parts: readonly Part[], options: Deadline): Promise<readonly PartResult[]>
  /** Bytes the append queue would take now. Ask before reading a large body. */
  room(): number
  /** Resolves when `bytes` would be taken (or nothing ever will: `append` says so). Rejects with the signal's reason. */
  whenRoom(bytes: number, signal: AbortSignal): Promise<void>
  /** Closes shards for ever. Idempotent: the same end each time. Appends queued before are decided first. */
  close(shards: readonly ShardRef[], options: Deadline): Promise<readonly ClosedShard[]>
  /** Reads frames from `from` (inclusive). Answers at once when it can (the tail in memory). Rejects: EngineError. */
  read(shard: ShardRef, from: Position, options: ReadOptions): ReadResult | Promise<ReadResult>
  /** Asked of every open shard when a service starts that knows nothing of the clock: no engine reads records for it. Rejects or throws: EngineError. */
  bounds(shard: ShardRef): ShardBounds | Promise<ShardBounds>
  /** Position of the first record with a time at or after `timeMs`; the end if there is none. */
  seekTime(shard: ShardRef, timeMs: number): Promise<Position>
  /**
   * Calls `listener` after each commit became durable, with the shards that grew or closed. Synchronously, before
   * the appends of that commit settle: a reader that looks, finds nothing, and then waits misses nothing. A listener
   * that throws is reported and harms nobody else.
   */
  onAdvance(listener: (shards: readonly ShardRef[]) => void): Disposable
  /**
   * Records with a time before `beforeMs` are no longer needed: their space may be given back. Never goes back. Later
   * records get a time at or after it, whatever the clock says: what is acknowledged from then on is visible.
   * Rejects: EngineError; `no-space` on a full disk as long as no space would come back: it is to be asked for again, and
   * may be done until the same shard is told of with another time.
   */
  trim(floors: readonly TrimFloor[]): Promise<void>
  /** Forgets shards and all their records. Idempotent. */
  drop(shards: readonly ShardRef[], options: Deadline): Promise<void>
}

export interface MetaEntry {
  readonly key: string
  readonly value: Uint8Array
  /** The revision of the change that wrote it. Grows with every change of any key. */
  readonly revision: number
}

export interface MetaChange {
  readonly key: string
  /** `undefined` deletes. At most META_VALUE_BYTES_MAX. */
  readonly value: Uint8Array | undefined
  /** The revision the key must have now; 0 = it must not exist. */
  readonly expect: number
}

/** Documents stay small: 10,000 shards are pages, not one write. */
export const META_VALUE_BYTES_MAX = 128 * 1024

export type CasResult =
  | { readonly ok: true; readonly revision: number }
  /** Nothing was changed: `key` did not have the expected revision. */
  | { readonly ok: false; readonly key: string }

export interface CasOptions extends Deadline {
  /**
   * The changes lead to space: `soon`, as those that begin to delete, or `later`, as those for keeping records for less long,
   * of which there may be many that give nothing back. On a full disk there is room left for each. Default: they do not.
   */
  readonly freesSpace?: 'soon' | 'later'
}

export interface MetaStore {
  get(key: string): Promise<MetaEntry | undefined>
  /** All entries whose key starts with `prefix`, in key order. */
  list(prefix: string): Promise<readonly MetaEntry[]>
  /** All changes or none; durable when it resolves `ok`. Rejects with EngineError `unavailable | unknown | no-space`. */
  cas(changes: readonly MetaChange[], options: CasOptions): Promise<CasResult>
  /**
   * Tells of every later change of keys with `prefix`, in order of revision, each `cas` as one call. Embedded: before
   * the `cas` resolves; in a cluster: soon after. The listener must not throw.
   */
  watch(prefix: string, listener: (entries: readonly MetaWatchEvent[]) => void): Disposable
}

export interface MetaWatchEvent {
  readonly key: string
  /** `undefined`: the key was deleted. */
  readonly value: Uint8Array | undefined
  readonly revision: number
}

/** A record's place, with its arrival in ms since the epoch. */
export interface RecordPlace extends Position {
  readonly timeMs: number
}

/** What is lost of one shard: the records themselves where that is known, or else the nearest that can be read. */
export interface DamagedShard {
  readonly shard: ShardRef
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
export interface EngineDamage {
  /** For people: where it stands, and what is wrong. */
  readonly reason: string
  /** Whose records; empty if nobody's are concerned, or it cannot be told whose. */
  readonly shards: readonly DamagedShard[]
}

export interface EngineHealth {
  readonly writable: boolean
  /** Why not writable, for people. */
  readonly reason?: string
  /** Damage found so far, bounded. */
  readonly damage: readonly EngineDamage[]
}

export interface Engine extends AsyncDisposable {
  readonly shards: ShardStore
  readonly meta: MetaStore
  health(): EngineHealth
  /** Finishes what is queued, syncs, and lets go of everything. Twice is fine. */
  close(): Promise<void>
}

/** An operating error of an engine. `unknown-shard`: never provisioned, or dropped. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: 'unavailable' | 'unknown' | 'no-space' | 'unknown-shard' | 'damaged'

  constructor(code: EngineError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Negative, zero or positive, as `a` comes before, at or after `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.commit - b.commit || a.index - b.index
}
