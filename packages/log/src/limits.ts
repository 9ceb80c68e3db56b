/** Every bound of the log, with who chose it. Those that a user may move are defaults; see `LogOptions`. */

export const KIB = 1024
export const MIB = 1024 * KIB

/** Commits start and end on this boundary: no acknowledged page is ever written again. One page of the kernel. */
export const PAGE_BYTES = 4 * KIB

/** The server's edge cuts requests into parts below this, so that small ones pass large ones. */
export const PART_BYTES_MAX = 256 * KIB
/** An index has 16 bits; a part stays well below, so that several share a frame. */
export const PART_RECORDS_MAX = 4096
/** One frame per ledger and commit, and a record's index in it has 16 bits. */
export const FRAME_RECORDS_MAX = 65_535

/** A commit is closed to further parts here. 1 MiB is written and synced in well under a millisecond on a fast disk. */
export const COMMIT_BYTES_MAX = 1 * MIB
/** One request adds no more than this to one commit, unless a single part is larger. */
export const REQUEST_COMMIT_BYTES_MAX = 256 * KIB
/** The largest single record or metadata change. AWS: 10 MiB of data, and room for its key and layout. */
export const PAYLOAD_BYTES_MAX = 16 * MIB

/** How long trims that give nothing back wait on a full disk, the first time; then twice as long each time. */
export const HELD_FLOORS_WAIT_MS = 3_600_000

export const SEGMENT_BYTES_DEFAULT = 64 * MIB
/** Kept in the last segment for what is not records, so that what frees space can always be written. */
export const RESERVE_BYTES = 1 * MIB
/**
 * The share of the reserve that is left alone by what a commit is for, so that nothing drains what gives space back:
 * - `changes`: metadata, opens, closes, other trims, and the seals of an idle log.
 * - `retention`: metadata by which space may come back later: each step of a shorter retention says so.
 * - `trims`: those that have waited for long enough: what they leave may be regrouped, and metadata changes much more often.
 * - `space`: what leads to space: drops, trims that leave a segment with nothing to keep, changes of metadata that say so.
 * - `log`: what the log needs to give it back: freed and regrouped segments.
 * Behind the reserve is one page more, for the opening or clean stop that proves the commits before.
 */
export const RESERVE_LEFT = {
  records: 1,
  changes: 9 / 16,
  retention: 1 / 2,
  trims: 3 / 8,
  space: 1 / 8,
  log: 0,
} as const
/** Segments ready beyond the next one; taken again from the front of the log when retention lets go of it. */
export const SPARES_MAX = 2
/**
 * Zeros are written ahead in steps of this, each with a sync: a commit waits for one step at most. In one go they held
 * up commits for 79 ms. Beside one 10 MiB request a second, small appends saw 8–11 ms at the 99th percentile with steps
 * of 1 MiB and 4 ms with these in a trial; interleaved on a busy machine the two could not be told apart.
 */
export const ZERO_STEP_BYTES = 256 * KIB
/** Pause between two steps when nobody waits for the space. */
export const ZERO_PACE_MS = 3
/** How far the active segment is zeroed ahead of the last commit. */
export const ZERO_AHEAD_BYTES = 8 * MIB
/** How soon space is looked for again after there was none. */
export const SPACE_RETRY_MS = 1_000
/** An index that is built again and again without getting better: at most so long until the next try, which reads its whole segment. */
export const REBUILD_WAIT_MS_MAX = 600_000

/** Pause after each 256 KiB that regrouping reads or writes: at most 32 MiB/s of both, and less than half of the time. */
export const REGROUP_PACE_MS = 8

export const QUEUE_BYTES_MAX_DEFAULT = 32 * MIB
/** What a queued part costs beside its bytes, so that many tiny ones meet the same bound. */
export const QUEUE_PART_OVERHEAD_BYTES = 256
/** Callers waiting for room in the queue; one for each request whose body has not been read. */
export const ROOM_WAITERS_MAX = 65_536
/** Frames of metadata changes, opens, closes, drops and trims waiting for their commit. */
export const CONTROL_QUEUE_MAX = 65_536
export const TAIL_BYTES_MAX_DEFAULT = 128 * MIB
export const INDEX_CACHE_BYTES_MAX_DEFAULT = 32 * MIB
export const READ_BYTES_MAX_DEFAULT = 64 * MIB
/** Segment files kept open for readers beside the active one. */
export const OPEN_FILES_MAX = 64
/** Frames closer together than this are fetched with one read. */
export const READ_GAP_BYTES = 16 * KIB
/** … of at most this. */
export const READ_SPAN_BYTES = 1 * MIB
/** Memory of reads that came back and waits for the next ones: a large page of each of four readers. */
export const READ_KEPT_BYTES_MAX = 8 * MIB
/** Reads of less take fresh memory. */
export const READ_KEPT_BYTES_MIN = 64 * KIB

export const SEAL_IDLE_MS_DEFAULT = 5
/** Lines of damage kept for `health()`. */
export const DAMAGE_LINES_MAX = 100
/** Ledgers of a trim or a drop in one commit. */
export const CONTROL_LEDGERS_MAX = 16_384
/** Snapshots kept: the newest may turn out damaged. */
export const SNAPSHOTS_KEPT = 2
