/**
 * Verifies a log's directory without changing it: every byte of every commit, each page of every index by its checksum
 * and all of it by the number of its entries, every snapshot. One finding per thing that is wrong, and one per run of
 * pages that the drive refuses to read and no other is about; none for a torn tail. What is gone on purpose, and which segments there are, is
 * known by recovering the log, on a disk on which nothing changes.
 */
import { silentLogger } from '@millrace/std'
import type { Metadata } from './api.ts'
import { CommitReader } from './commit-reader.ts'
import { damagedLedgers } from './damaged-ledgers.ts'
import type { Disk } from './disk.ts'
import { decodeSegmentHeader, type SegmentHeader } from './format/segment-header.ts'
import { isPageValid, type SegmentSummary } from './format/index-format.ts'
import type { GroupedSegment } from './format/control-format.ts'
import { type HeldLog, holdFiles } from './held-files.ts'
import { loadIndexFile } from './index-file.ts'
import { INDEX_CACHE_BYTES_MAX_DEFAULT, OPEN_FILES_MAX, PAGE_BYTES } from './limits.ts'
import { NO_METADATA } from './no-metadata.ts'
import { OpenFiles } from './open-files.ts'
import { PageCache } from './page-cache.ts'
import { readOnlyDisk } from './read-only-disk.ts'
import { readAround } from './refused-read.ts'
import { type RecoveredLog, recover } from './recovery/recovery.ts'
import { type Found, type Finding, refusedRuns, unreadable, untold } from './findings.ts'
import { indexPath, numberInName, Segment, segmentPath } from './segment.ts'
import { freedBehind } from './segment-register.ts'
import { walkSegment } from './segment-walk.ts'
import { loadSnapshots } from './snapshots.ts'

export interface CheckOptions {
  /** Aborted: the next finding throws its reason. */
  readonly signal?: AbortSignal
  /** Is given what opening the log would give it. Default: nobody. */
  readonly metadata?: Metadata
}

interface ListedSegment {
  readonly number: number
  readonly header: SegmentHeader | undefined
  readonly summary: SegmentSummary | undefined
  /** From its header, its index, or the chain that led to it. */
  readonly start: Pick<SegmentHeader, 'salt' | 'firstCommit' | 'previousCrc'>
  /** What stands here, or stood, as recovery tells; `undefined`: it knows no such segment. */
  readonly lastCommit: number | undefined
}

/** Only a log without an id draws one, and that is thrown away. */
const NO_RANDOM = { float: () => 0, bytes: (count: number) => new Uint8Array(count) }

/**
 * The directory should not be in use. Throws the signal's reason when it is aborted, and LogError `foreign-file |
 * newer-version` as opening would.
 */
export async function* checkLog(
  disk: Disk,
  { signal, metadata = NO_METADATA }: CheckOptions = {},
): AsyncGenerator<Finding, void, undefined> {
  const snapshots = await loadSnapshots(disk)
  for (const { path, reason } of snapshots.damaged) yield { file: path, offset: 0, ledgers: [], reason }
  const files = new OpenFiles(disk, OPEN_FILES_MAX)
  try {
    const recovered = await recoverReadOnly(disk, files, metadata)
    for await (const found of checkSegments(disk, recovered, snapshots.newest?.commit ?? 0, signal)) {
      const { commits, ledgers = [] } = found
      const lost = commits === undefined ? ledgers : await damagedLedgers(recovered, commits.from, commits.to)
      yield { ...found, ledgers: lost }
    }
  } finally {
    await files.close()
  }
}

/** Gives `metadata` what opening the log in the directory would, and changes nothing. Rejects as opening would. */
export async function readMetadata(disk: Disk, metadata: Metadata): Promise<void> {
  const files = new OpenFiles(disk, OPEN_FILES_MAX)
  try {
    await recoverReadOnly(disk, files, metadata)
  } finally {
    await files.close()
  }
}

/** What `Log.hold` would list, of a directory that nobody has open. Rejects as opening would. */
export async function holdStopped(disk: Disk): Promise<HeldLog> {
  const files = new OpenFiles(disk, OPEN_FILES_MAX)
  try {
    const recovered = await recoverReadOnly(disk, files, NO_METADATA)
    const { logId, lastCommit, segments, isLastOpen, snapshotCommits, metadataLoss } = recovered
    const active = isLastOpen ? segments.findLast(({ grouped }) => grouped === undefined) : undefined
    return await holdFiles({ disk, logId, commit: lastCommit, segments, active, snapshotCommits, metadataLoss })
  } finally {
    await files.close()
  }
}

async function recoverReadOnly(disk: Disk, files: OpenFiles, metadata: Metadata): Promise<RecoveredLog> {
  const pages = new PageCache(INDEX_CACHE_BYTES_MAX_DEFAULT, files)
  return await recover({ disk: readOnlyDisk(disk), random: NO_RANDOM, logger: silentLogger, metadata, pages })
}

async function* checkSegments(
  disk: Disk,
  { register, segments, lastCommit: lastRecovered }: RecoveredLog,
  proven: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Found, void, undefined> {
  const { freed } = register
  const names = (await disk.exists('log')) ? await disk.list('log') : []
  const listed: ListedSegment[] = []
  for (const name of names) {
    const number = numberInName(name, '.seg')
    if (number === undefined || freed.some((range) => range.firstNumber <= number && number <= range.lastNumber))
      continue
    signal?.throwIfAborted()
    const loaded = await loadIndexFile(disk, indexPath(number))
    const { header, isRefused } = await readHeader(disk, number)
    if (isRefused) yield* refusedRuns(segmentPath(number), [0])
    const known = segments.find((segment) => segment.number === number)
    const start = header ?? loaded?.summary ?? known?.start
    if (start !== undefined)
      listed.push({ number, header, summary: loaded?.summary, start, lastCommit: known?.lastCommit })
  }
  let lastCommit = 0
  let lastCrc: number | undefined
  for (const [place, segment] of listed.entries()) {
    signal?.throwIfAborted()
    const next = listed[place + 1]
    const nextFirst = freedBehind(freed, segment.number) ?? next?.summary?.firstCommit ?? next?.start.firstCommit
    const first = segment.summary?.firstCommit ?? segment.start.firstCommit
    const isGone = freed.some((range) => range.firstCommit <= lastCommit + 1 && range.lastCommit >= first - 1)
    if (first > lastCommit + 1 && !isGone) {
      yield {
        file: segmentPath(segment.number),
        offset: 0,
        commits: { from: lastCommit + 1, to: first - 1 },
        reason: 'a segment is missing before this one',
      }
    }
    const isNeighbour = first === lastCommit + 1
    const walked = yield* checkSegment(disk, segment, nextFirst, isNeighbour ? lastCrc : undefined, proven)
    lastCommit = walked.lastCommit
    lastCrc = walked.lastCrc
  }
  if (lastRecovered > lastCommit) {
    const last = listed.at(-1)?.number ?? 1
    const behind = names.map((name) => numberInName(name, '.seg')).find((number) => number === last + 1)
    yield {
      file: segmentPath(behind ?? last),
      offset: 0,
      commits: { from: lastCommit + 1, to: lastRecovered },
      reason: 'what follows the last commit cannot be read, or is not there, though something tells of it',
    }
  }
  for (const grouped of register.grouped) {
    signal?.throwIfAborted()
    yield* checkGrouped(disk, grouped)
  }
}

async function* checkGrouped(disk: Disk, grouped: GroupedSegment): AsyncGenerator<Found, void, undefined> {
  const { number, salt, firstCommit, lastCommit } = grouped
  const path = segmentPath(number)
  const range = { commits: { from: firstCommit, to: lastCommit } }
  if (!(await disk.exists(path))) {
    yield { file: path, offset: 0, ...range, reason: 'the regrouped segment is missing' }
    return
  }
  const file = await disk.open(path)
  try {
    const capacity = await file.size()
    const ends = { number, salt, firstCommit, previousCrc: 0, capacity }
    const start = { ...ends, version: 0, logId: new Uint8Array(0), createdMs: 0 }
    const walk = await walkSegment(new CommitReader(file, capacity), new Segment(start, grouped).walkStart)
    for (const { offset } of walk.damages) {
      const cause = walk.refused.has(offset) ? ' (EIO)' : ''
      yield { file: path, offset, ...range, reason: `a block of the regrouped segment cannot be read${cause}` }
    }
    yield* unreadable(path, walk)
    yield* refusedRuns(path, untold(walk))
    const loaded = await loadIndexFile(disk, indexPath(number))
    yield* checkIndex(disk, number, loaded?.summary, walk.index.entries)
  } finally {
    await file.close()
  }
}

async function* checkSegment(
  disk: Disk,
  { number, header, summary, start, lastCommit }: ListedSegment,
  nextFirst: number | undefined,
  previousCrc: number | undefined,
  snapshotCommit: number,
): AsyncGenerator<Found, { readonly lastCommit: number; readonly lastCrc: number }, undefined> {
  const path = segmentPath(number)
  if (previousCrc !== undefined && start.previousCrc !== previousCrc) {
    yield { file: path, offset: 0, reason: 'the chain does not lead here from the segment before' }
  }
  const file = await disk.open(path)
  try {
    const walk = await walkSegment(new CommitReader(file, await file.size()), {
      salt: start.salt,
      commit: start.firstCommit,
      previousCrc: start.previousCrc,
      epoch: 0,
      provenCommit: Math.max(snapshotCommit, summary?.lastCommit ?? 0, (nextFirst ?? 0) - 1),
      // Where nothing says where the next one begins, recovery knows what is not this one's damage.
      endBefore: summary === undefined ? (nextFirst ?? endBehind(lastCommit)) : summary.lastCommit + 1,
      offset: PAGE_BYTES,
    })
    // It goes out with the first commit: unless that was synced, a crash alone can have torn it.
    if (header === undefined && walk.provenCommit >= start.firstCommit)
      yield { file: path, offset: 0, reason: "the segment's header cannot be read" }
    for (const { fromCommit, toCommit, offset } of walk.damages) {
      yield {
        file: path,
        offset,
        commits: { from: fromCommit, to: toCommit },
        reason: `commits ${fromCommit} to ${toCommit} cannot be read${walk.refused.has(offset) ? ' (EIO)' : ''}`,
      }
    }
    yield* unreadable(path, walk)
    yield* refusedRuns(path, untold(walk))
    yield* checkIndex(disk, number, summary, walk.index.entries)
    return { lastCommit: walk.lastCommit, lastCrc: walk.lastCrc }
  } finally {
    await file.close()
  }
}

function endBehind(lastCommit: number | undefined): number | undefined {
  return lastCommit === undefined ? undefined : lastCommit + 1
}

async function* checkIndex(
  disk: Disk,
  number: number,
  summary: SegmentSummary | undefined,
  entries: number,
): AsyncGenerator<Found, void, undefined> {
  const path = indexPath(number)
  if (summary !== undefined && summary.entries !== entries) {
    const reason = `the index has ${summary.entries} entries, its segment ${entries} frames; it will be built again`
    yield { file: path, offset: 0, reason }
  }
  if (!(await disk.exists(path))) return
  const file = await disk.open(path)
  try {
    const page = new Uint8Array(PAGE_BYTES)
    const refused = new Set<number>()
    const size = await file.size()
    for (let offset = 0; offset + PAGE_BYTES <= size; offset += PAGE_BYTES) {
      await file.read(page, offset).catch((error: unknown) => readAround(error, file, page, offset, refused))
      if (!refused.has(offset) && !isPageValid(page))
        yield { file: path, offset, reason: 'an index page fails its checksum; it will be built again' }
    }
    yield* refusedRuns(path, refused)
  } finally {
    await file.close()
  }
}

interface ReadHeader {
  readonly header: SegmentHeader | undefined
  readonly isRefused: boolean
}

async function readHeader(disk: Disk, number: number): Promise<ReadHeader> {
  const file = await disk.open(segmentPath(number))
  try {
    const page = new Uint8Array(PAGE_BYTES)
    const refused = new Set<number>()
    const read = await file.read(page, 0).catch((error: unknown) => readAround(error, file, page, 0, refused))
    const decoded = decodeSegmentHeader(page.subarray(0, read))
    const header = decoded.kind === 'ok' && decoded.header.number === number ? decoded.header : undefined
    return { header, isRefused: refused.size > 0 }
  } finally {
    await file.close()
  }
}
