/**
 * Leaves out, in a log that goes back to a point in time, every commit that may have been made after that point: positions
 * begin with their commits, so none is given twice. See docs/decisions/158.
 *
 * Nothing of the format is new. A range is left out as that of a segment that went: one small segment tells that the one
 * before it, of all those commits, is freed, and another one behind is where the log goes on. The log must not be open.
 */
import { assert, type Clock, type Random, silentLogger } from '@millrace/std'
import { CommitBuilder } from '../commit-builder.ts'
import type { Disk } from '../disk.ts'
import { FLAG_OPEN, FLAG_SEAL, FRAME_FREED } from '../format/commit-format.ts'
import { encodeFreed } from '../format/control-format.ts'
import { encodeSegmentHeader, SEGMENT_VERSION } from '../format/segment-header.ts'
import { writeIndexFile } from '../index-file.ts'
import type { LedgerState } from '../ledger-table.ts'
import { INDEX_CACHE_BYTES_MAX_DEFAULT, OPEN_FILES_MAX, PAGE_BYTES } from '../limits.ts'
import { NO_METADATA } from '../no-metadata.ts'
import { OpenFiles } from '../open-files.ts'
import { PageCache } from '../page-cache.ts'
import { type RecoveredLog, recover } from '../recovery/recovery.ts'
import { indexPath, newSalt, type SegmentStart, segmentPath } from '../segment.ts'

/** No log makes more: each is a write of its own, of 4 KiB at least. */
const COMMITS_PER_SECOND_MAX = 2 ** 16
/** Twelve days of them: for clocks that were wrong, and for what was stored while the backup was taken. */
const GAP_COMMITS_MIN = 2 ** 36
/** An older point than ten years is a clock that is wrong. */
const AGE_MS_MAX = 10 * 365 * 86_400_000
/** Sequence numbers hold no higher one. */
const COMMIT_MAX = 2 ** 47 - 1
/** A header, and a commit of a page. */
const SEGMENT_BYTES_MIN = 2 * PAGE_BYTES

export interface LeaveGapOptions {
  readonly clock: Clock
  readonly random: Random
  /** When the point was taken, ms since the epoch: since then its log has gone on elsewhere. */
  readonly pointMs: number
  /** Everything up to this commit was durable. What of it does not stand at the end of the log is lost, and told to all, for ever. */
  readonly pointCommit: number
}

/** A log that nothing more can be written to is left as it is. */
export async function leaveGap(disk: Disk, options: LeaveGapOptions): Promise<void> {
  const { random } = options
  const files = new OpenFiles(disk, OPEN_FILES_MAX)
  try {
    const pages = new PageCache(INDEX_CACHE_BYTES_MAX_DEFAULT, files)
    const recovered = await recover({ disk, random, logger: silentLogger, metadata: NO_METADATA, pages })
    if (recovered.metadataLoss === undefined) await writeGap(disk, recovered, options)
  } finally {
    await files.close()
  }
}

async function writeGap(disk: Disk, recovered: RecoveredLog, options: LeaveGapOptions): Promise<void> {
  const { lastNumber, unusedNumbers } = recovered
  const lastCommit = Math.max(recovered.lastCommit, options.pointCommit)
  const nowMs = options.clock.now()
  const own = recovered.table.get(0)
  assert(own !== undefined, 'ledger 0 always is')
  for (const number of unusedNumbers) await disk.remove(segmentPath(number))
  const leftBytes = await endLast(disk, recovered)
  const gone = {
    number: lastNumber + 1,
    firstCommit: lastCommit + 1,
    lastCommit: lastCommit + gapAfter(lastCommit, nowMs - options.pointMs),
  }
  const start = {
    version: SEGMENT_VERSION,
    logId: recovered.logId,
    number: gone.number + 1,
    salt: newSalt(options.random),
    firstCommit: gone.lastCommit + 1,
    previousCrc: recovered.lastCrc,
    createdMs: nowMs,
    capacity: SEGMENT_BYTES_MIN,
  }
  const epoch = recovered.epoch + 1
  const crc = await writeSegment(disk, start, epoch, recovered.changeCommit, {
    state: own,
    bytes: encodeFreed(gone),
  })
  // Two, so that the header of the one that is written to is not the only thing that leads to it.
  const next = {
    ...start,
    number: start.number + 1,
    salt: newSalt(options.random),
    firstCommit: start.firstCommit + 1,
    previousCrc: crc,
    capacity: SEGMENT_BYTES_MIN + leftBytes,
  }
  await writeSegment(disk, next, epoch, start.firstCommit)
  await disk.syncDirectory('log')
}

/** At least one, and never more than half of what is left. */
function gapAfter(lastCommit: number, ageMs: number): number {
  const ageS = Math.min(Math.max(0, ageMs), AGE_MS_MAX) / 1_000
  const count = GAP_COMMITS_MIN + Math.ceil(ageS * COMMITS_PER_SECOND_MAX)
  return Math.min(count, Math.floor((COMMIT_MAX - lastCommit) / 2))
}

/** The segment that was written to is full from now on. How much of it was left: the log's bound may allow no other one. */
async function endLast(disk: Disk, { segments, isLastOpen }: RecoveredLog): Promise<number> {
  const last = segments.findLast(({ grouped }) => grouped === undefined)
  if (last?.memory === undefined) return 0
  await writeIndexFile(disk, indexPath(last.number), last.ends, last.memory, last.damages)
  return isLastOpen ? Math.max(0, last.start.capacity - last.usedBytes) : 0
}

/** Writes a segment of one commit: with a frame of ledger 0, the first of the epoch, or empty. Returns its header's checksum. */
async function writeSegment(
  disk: Disk,
  start: SegmentStart,
  epoch: number,
  changeCommit: number,
  frame?: { readonly state: LedgerState; readonly bytes: Uint8Array },
): Promise<number> {
  const { version, firstCommit, previousCrc, salt } = start
  const builder = new CommitBuilder(firstCommit, start.createdMs, PAGE_BYTES)
  if (frame !== undefined) {
    const { state, bytes } = frame
    builder.addFrame(state, FRAME_FREED, Math.max(start.createdMs, state.lastTimeMs), bytes)
  }
  const place = { version, epoch, previousCrc, salt, commit: firstCommit, durable: firstCommit - 1 }
  const marks = { flags: frame === undefined ? FLAG_SEAL : FLAG_OPEN, changeCommit }
  const built = builder.build({ ...place, ...marks, leadBytes: PAGE_BYTES }, (bytes) => new Uint8Array(bytes))
  const header = { ...start, isGrouped: false, retentionClass: 0, logNumber: 0 }
  encodeSegmentHeader(header, built.buffer.subarray(0, PAGE_BYTES))
  const file = await disk.create(segmentPath(start.number))
  try {
    await file.writeAndSync(built.buffer, 0)
  } finally {
    await file.close()
  }
  return built.headerCrc
}
