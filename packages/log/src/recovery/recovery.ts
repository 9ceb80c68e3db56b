/**
 * Opens what is on disk: finds the newest snapshot, the sealed segments by their indexes, walks the rest, tells damage
 * from a torn tail, and replays what the snapshot does not hold. Writes nothing but the unproven tail again.
 *
 * Invariants: what was ever acknowledged is found or named as damage; nothing that was never written appears; done
 * twice it comes to the same.
 *
 * `evidence.ts` gathers what is known, `segment-files.ts` looks at the files, `segment-loader.ts` walks them,
 * `replay.ts` takes in what they hold, `change-holes.ts` asks what holes may have changed.
 */
import type { Logger, Random } from '@millrace/std'
import type { Damage, Metadata } from '../api.ts'
import { damagedLedgers } from '../damaged-ledgers.ts'
import type { Disk } from '../disk.ts'
import { encodeSegmentHeader, LOG_ID_BYTES } from '../format/segment-header.ts'
import type { Snapshot } from '../format/snapshot-format.ts'
import { Holes } from '../holes.ts'
import { LedgerTable, openedLedger } from '../ledger-table.ts'
import { DAMAGE_LINES_MAX, MIB, PAGE_BYTES } from '../limits.ts'
import type { PageCache } from '../page-cache.ts'
import { type Segment, segmentPath } from '../segment.ts'
import type { SegmentRegister } from '../segment-register.ts'
import { loadSnapshots, snapshotPath } from '../snapshots.ts'
import { Evidence } from './evidence.ts'
import { changeHoles } from './change-holes.ts'
import { GroupedLoader } from './grouped-loader.ts'
import { Replay, takeMetadata } from './replay.ts'
import { listSegments, SegmentFiles } from './segment-files.ts'
import { type LoadedSegment, type LoadedSegments, SegmentLoader, type UnreadSegment } from './segment-loader.ts'

export interface RecoveryOptions {
  readonly disk: Disk
  readonly random: Random
  readonly logger: Logger
  readonly metadata: Metadata
  readonly pages: PageCache
}

export interface RecoveredLog {
  readonly logId: Uint8Array
  /** The epoch of the last commit found; the new opening's is one more. */
  readonly epoch: number
  readonly table: LedgerTable
  readonly register: SegmentRegister
  /** In order of their last commits; the last one is to be written on if `isLastOpen`. */
  readonly segments: readonly Segment[]
  readonly isLastOpen: boolean
  /** The last commit number that was ever used for something durable. */
  readonly lastCommit: number
  readonly lastCrc: number
  /** The newest commit with a frame that is not records, or one behind it; 0 if there is none. */
  readonly changeCommit: number
  /** Something proves that every frame up to the last commit was durable: damage to it is told from a torn tail. */
  readonly isProven: boolean
  readonly snapshotCommits: readonly number[]
  /** What the newest one takes. */
  readonly snapshotBytes: number
  readonly holes: Holes
  readonly damage: readonly Damage[]
  /** Set when metadata is certainly lost: nothing more may be written on top. */
  readonly metadataLoss: string | undefined
  /** Segment files that hold nothing (yet): the prepared next one, or one that was begun and torn. Ascending. */
  readonly unusedNumbers: readonly number[]
  /** The highest number that a file with something in it has or had. */
  readonly lastNumber: number
  /** Segments whose file was to go when the process died, or was not yet part of the log. */
  readonly freedNumbers: readonly number[]
  /** Numbers of regrouped segments that are or were in use. */
  readonly groupedNumbers: readonly number[]
}

export async function recover(options: RecoveryOptions): Promise<RecoveredLog> {
  return await new Recovery(options).run()
}

class Recovery {
  readonly #options: RecoveryOptions
  readonly #disk: Disk
  readonly #table = new LedgerTable()
  readonly #evidence: Evidence
  readonly #files: SegmentFiles
  readonly #loader: SegmentLoader
  readonly #replay: Replay
  #misplacedNumber = 0

  constructor(options: RecoveryOptions) {
    const { disk, random, logger, metadata, pages } = options
    this.#options = options
    this.#disk = disk
    this.#evidence = new Evidence(logger)
    this.#files = new SegmentFiles(disk, pages, this.#evidence)
    this.#loader = new SegmentLoader({ disk, random, logger, files: this.#files, evidence: this.#evidence })
    this.#replay = new Replay({ disk, loader: this.#loader, evidence: this.#evidence, table: this.#table, metadata })
  }

  async run(): Promise<RecoveredLog> {
    const evidence = this.#evidence
    for (const directory of ['log', 'meta', 'spare']) await this.#disk.makeDirectory(directory)
    await this.#disk.syncDirectory('.')
    const snapshots = await loadSnapshots(this.#disk)
    for (const { path, reason } of snapshots.damaged) evidence.report(`${path}: ${reason}; an older one is used`)
    const snapshot = snapshots.newest
    const snapshotCommit = this.#begin(snapshot)

    const numbers = await listSegments(this.#disk, evidence)
    const { loaded, unread, unused } = await this.#loadAll(numbers, snapshotCommit)
    takeMetadata(snapshotPath(snapshotCommit), () => this.#options.metadata.restore(snapshot?.metadata))
    for (const { segment } of loaded) {
      if (segment.lastCommit > snapshotCommit) await this.#replay.all(segment, snapshotCommit + 1)
    }
    this.#findGaps(loaded)
    this.#tellUnread(unread)
    this.#doubt(snapshotCommit)

    const last = loaded.at(-1)
    let lastCommit = last?.segment.lastCommit ?? 0
    let isLastOpen = last?.walk !== undefined && !last.walk.isTailDamaged
    if (evidence.provenCommit > lastCommit) {
      // Commits were durable and their segment is gone, or too damaged to show where they stood.
      evidence.addHole({ from: lastCommit + 1, to: evidence.provenCommit, reason: 'the end of the log is missing' })
      lastCommit = evidence.provenCommit
      isLastOpen = false
      this.#doubt(snapshotCommit)
    }
    await this.#doubtChanges(loaded, snapshotCommit)
    const segments = loaded.map(({ segment }) => segment).filter((segment) => !evidence.isFreed(segment.number))
    const emptyNumbers: number[] = []
    if (last?.walk !== undefined && segments.at(-1) === last.segment) {
      // A segment without a commit is begun again, with a header of its own.
      if (isLastOpen && last.walk.commits.length === 0) {
        segments.pop()
        emptyNumbers.push(last.segment.number)
        isLastOpen = false
      } else if (isLastOpen || last.hasHeader) {
        await this.#rewriteUnproven(last)
      }
    }
    await this.#disk.syncDirectory('log')
    // A snapshot that is taken for a proof may stand in the page cache only.
    await this.#disk.syncDirectory('meta')
    const lastNumber = Math.max(
      segments.at(-1)?.number ?? 0,
      evidence.register.freed.at(-1)?.lastNumber ?? 0,
      this.#misplacedNumber,
      ...unread.map(({ number }) => number),
    )
    const grouped = await new GroupedLoader(this.#options, evidence).load()
    const inOrder = [...grouped.segments, ...segments].sort((a, b) => a.lastCommit - b.lastCommit)
    return {
      logId: evidence.logId ?? this.#options.random.bytes(LOG_ID_BYTES),
      epoch: Math.max(snapshot?.epoch ?? 0, ...loaded.map(({ segment }) => segment.lastEpoch)),
      table: this.#table,
      register: evidence.register,
      segments: inOrder,
      isLastOpen,
      lastCommit,
      lastCrc: last?.segment.lastCrc ?? 0,
      changeCommit: Math.max(snapshotCommit, this.#replay.changeCommit),
      isProven: lastFrameCommit(last) <= evidence.provenCommit,
      snapshotCommits: snapshots.commits,
      snapshotBytes: snapshots.newestBytes,
      holes: new Holes(evidence.holes),
      damage: await this.#damage(inOrder, snapshots.commits),
      metadataLoss: evidence.metadataLoss,
      unusedNumbers: [...emptyNumbers, ...unused].filter((number) => number > lastNumber),
      lastNumber,
      freedNumbers: [...numbers.filter((number) => evidence.isFreed(number)), ...grouped.unlistedNumbers],
      groupedNumbers: grouped.numbers,
    }
  }

  /** What was found, with whose records lay in holes. */
  async #damage(segments: readonly Segment[], snapshotCommits: readonly number[]): Promise<readonly Damage[]> {
    const recovered = { table: this.#table, segments, snapshotCommits }
    const all: Damage[] = []
    for (const { reason, ledgers, hole } of this.#evidence.damage) {
      const isAsked = hole !== undefined && all.length < DAMAGE_LINES_MAX
      all.push({ reason, ledgers: isAsked ? await damagedLedgers(recovered, hole.from, hole.to) : ledgers })
    }
    return all
  }

  /** Takes in what the snapshot holds; the commit up to which it does. */
  #begin(snapshot: Snapshot | undefined): number {
    this.#table.add(openedLedger(0, 0, 0))
    if (snapshot === undefined) return 0
    this.#evidence.prove(snapshot.commit)
    this.#evidence.checkLogId('the snapshot', snapshot.logId)
    this.#evidence.startRegister(snapshot)
    for (const state of snapshot.ledgers) this.#table.add(state)
    return snapshot.commit
  }

  /** Loads what is there, but for segments whose end is told above the snapshot: their files may be in any state. */
  async #loadAll(numbers: readonly number[], snapshotCommit: number): Promise<LoadedSegments> {
    const evidence = this.#evidence
    const mark = evidence.mark()
    for (let isFirst = true; ; isFirst = false) {
      const { files, misplacedNumber } = await this.#files.look(numbers)
      const result = await this.#loader.load(files)
      const known = evidence.register
      for (const { segment } of result.loaded) {
        if (segment.lastCommit > snapshotCommit) await this.#replay.register(segment, snapshotCommit + 1)
      }
      const hasGone = result.loaded.some(({ segment }) => evidence.isFreed(segment.number))
      if (evidence.register === known || (!hasGone && (!isFirst || evidence.holes.length === 0))) {
        this.#misplacedNumber = misplacedNumber
        return result
      }
      // What was found of those that are gone says nothing, nor that their commits are missing: once more without them.
      evidence.restore(mark)
    }
  }

  /** Commits between two neighbouring segments that are in neither, and were not freed. */
  #findGaps(loaded: readonly LoadedSegment[]): void {
    let expected = 1
    let before = 'the start of the log'
    for (const { segment } of loaded) {
      const last = segment.firstCommit - 1
      const freed = this.#evidence.register.freed.find((range) => range.firstCommit <= last && range.lastCommit >= last)
      const gap = { from: expected, to: freed === undefined ? last : freed.firstCommit - 1 }
      if (gap.to >= gap.from) {
        this.#evidence.addHole({ ...gap, reason: `a segment is missing between ${before} and ${segment.path}` })
      }
      expected = segment.lastCommit + 1
      before = segment.path
    }
  }

  /**
   * Nobody knows which changes of the metadata stand in what the drive refuses to read, or in a segment of which nobody knows
   * where it begins: none are stored on top. Nothing new is written, so that all is there again when the drive is.
   */
  #tellUnread(unread: readonly UnreadSegment[]): void {
    for (const { number, reason, commits } of unread) {
      const path = segmentPath(number)
      this.#evidence.report(`${path}: ${reason}`)
      if (commits === undefined) this.#evidence.doubtMetadata(path)
      else {
        this.#evidence.prove(commits.to)
        this.#evidence.doubtMetadata(`commits ${commits.from} to ${commits.to}`)
      }
    }
  }

  /** Nobody writes on top of a hole that held a change, or of which nothing that can be read tells. */
  async #doubtChanges(loaded: readonly LoadedSegment[], snapshotCommit: number): Promise<void> {
    // What a change behind a hole says of the one before, of the metadata's own.
    const told = this.#table.get(0)?.lastFrameCommit ?? 0
    for (const { from, to, isLost } of await changeHoles(this.#disk, this.#evidence.holes, loaded, snapshotCommit)) {
      if (isLost) this.#evidence.loseMetadata(`commits ${from} to ${to}`)
      else if (to > told) this.#evidence.doubtMetadata(`commits ${from} to ${to}`)
    }
  }

  /**
   * A ledger without a frame above a hole may have had its last ones in it, unless a snapshot above says otherwise.
   * Its chain is led through the hole, so that every reader is told, for ever.
   */
  #doubt(snapshotCommit: number): void {
    for (const hole of this.#evidence.holes) {
      if (hole.to <= snapshotCommit) continue
      for (const state of this.#table.values()) {
        // The log's own tells itself.
        if (state.ledger === 0) continue
        if (state.lastFrameCommit >= hole.to || state.closedAtMs !== undefined) continue
        state.lastFrameCommit = hole.to
        state.durableFrameCommit = hole.to
        state.end = { commit: hole.to + 1, index: 0 }
      }
    }
  }

  /**
   * What nothing proves to be synced may stand only in the page cache, and after a failed sync the cache may show
   * bytes the disk lacks: written again and synced, it is durable before anybody is served.
   */
  async #rewriteUnproven({ segment, walk, hasHeader }: LoadedSegment): Promise<void> {
    if (walk === undefined) return
    const first = walk.commits.find(({ commit }) => commit > this.#evidence.provenCommit)
    if (hasHeader && first === undefined) return
    // The header was written together with the first commit.
    const isHeaderDue = !hasHeader || first?.commit === segment.firstCommit
    const file = await this.#disk.open(segment.path)
    try {
      const from = first?.offset ?? segment.usedBytes
      for (const { offset, length } of readablePieces(from, segment.usedBytes, walk.refused)) {
        const bytes = new Uint8Array(length)
        await file.read(bytes, offset)
        await file.write(bytes, offset)
      }
      if (isHeaderDue) {
        const page = new Uint8Array(PAGE_BYTES)
        encodeSegmentHeader({ ...segment.start, isGrouped: false, retentionClass: 0, logNumber: 0 }, page)
        await file.write(page, 0)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** The last commit of a walked segment that is not empty; 0 where there is none. */
function lastFrameCommit(loaded: LoadedSegment | undefined): number {
  const index = loaded?.walk?.index
  return index === undefined || index.entries === 0 ? 0 : index.entryAt(index.entries - 1).commit
}

/** Bytes [from, to) in pieces of at most 1 MiB, without the pages that the drive refuses. */
function* readablePieces(
  from: number,
  to: number,
  refused: ReadonlySet<number>,
): Generator<{ readonly offset: number; readonly length: number }, void, undefined> {
  for (let offset = from; offset < to;) {
    let end = offset
    while (end < to && end - offset < MIB && !refused.has(end)) end += PAGE_BYTES
    if (end > offset) yield { offset, length: end - offset }
    offset = Math.max(end, offset + PAGE_BYTES)
  }
}
