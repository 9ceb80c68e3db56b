/**
 * Opens what is on disk: finds the newest snapshot, the sealed segments by their indexes, walks the rest, tells damage
 * from a torn tail, and replays what the snapshot does not hold. Writes nothing but the unproven tail again.
 *
 * Invariants: what was ever acknowledged is found or named as damage; nothing that was never written appears; done
 * twice it comes to the same.
 */
import type { Logger, Random } from '@millrace/std'
import type { Metadata } from './api.ts'
import { CommitReader, type Expectation } from './commit-reader.ts'
import type { Disk } from './disk.ts'
import { FileIndex } from './file-index.ts'
import {
  FRAME_CLOSE,
  FRAME_DROP,
  FRAME_FREED,
  FRAME_METADATA,
  FRAME_OPEN,
  FRAME_RECORDS,
  FRAME_TRIM,
} from './format/commit-format.ts'
import { decodeDrop, decodeFreed, decodeTrim } from './format/control-format.ts'
import { crc32 } from './format/crc32.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  LOG_ID_BYTES,
  SEGMENT_VERSION,
  type SegmentHeader,
} from './format/segment-header.ts'
import { addFreed, type FreedRange } from './format/snapshot-format.ts'
import { type Hole, Holes } from './holes.ts'
import { loadIndexFile } from './index-file.ts'
import { LedgerTable, openedLedger, raiseFloor } from './ledger-table.ts'
import { MIB, PAGE_BYTES } from './limits.ts'
import { LogError } from './log-error.ts'
import { IndexDamagedError, type PageCache } from './page-cache.ts'
import { indexPath, numberInName, Segment, segmentPath } from './segment.ts'
import { type IndexEntry, queryAll } from './segment-index.ts'
import { type SegmentWalk, walkSegment } from './segment-walk.ts'
import { loadSnapshots } from './snapshots.ts'

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
  readonly freed: readonly FreedRange[]
  /** In order; the last one is to be written on if `isLastOpen`. */
  readonly segments: readonly Segment[]
  readonly isLastOpen: boolean
  /** The last commit number that was ever used for something durable. */
  readonly lastCommit: number
  readonly lastCrc: number
  readonly snapshotCommits: readonly number[]
  readonly holes: Holes
  /** One line each. */
  readonly damage: readonly string[]
  /** Set when metadata is certainly lost: nothing more may be written on top. */
  readonly metadataLoss: string | undefined
  /** Segment files that hold nothing (yet): the prepared next one, or one that was begun and torn. Ascending. */
  readonly unusedNumbers: readonly number[]
  /** The highest number that a file with something in it has or had. */
  readonly lastNumber: number
  /** Segments whose file was to go when the process died. */
  readonly freedNumbers: readonly number[]
}

interface UsedFile {
  readonly number: number
  readonly header: SegmentHeader
}

interface LoadedSegment {
  readonly segment: Segment
  /** `undefined`: taken from its index file. */
  readonly walk: SegmentWalk | undefined
  /** False when only the chain led here: the header has to be written again. */
  readonly hasHeader: boolean
}

/** A segment file in the order of numbers, before it is known what it holds. */
interface ListedSegment {
  readonly number: number
  readonly segment: Segment | undefined
  readonly header: SegmentHeader | undefined
}

function firstCommitOf(listed: ListedSegment): number | undefined {
  return listed.segment?.firstCommit ?? listed.header?.firstCommit
}

export async function recover(options: RecoveryOptions): Promise<RecoveredLog> {
  return await new Recovery(options).run()
}

class Recovery {
  readonly #options: RecoveryOptions
  readonly #disk: Disk
  readonly #table = new LedgerTable()
  readonly #damage: string[] = []
  readonly #holes: Hole[] = []
  #freed: readonly FreedRange[] = []
  #logId: Uint8Array | undefined
  #provenCommit = 0
  #metadataLoss: string | undefined
  #misplacedNumber = 0

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#disk = options.disk
  }

  async run(): Promise<RecoveredLog> {
    for (const directory of ['log', 'meta', 'spare']) await this.#disk.makeDirectory(directory)
    await this.#disk.syncDirectory('.')
    const snapshots = await loadSnapshots(this.#disk)
    for (const path of snapshots.damaged) this.#report(`${path}: the snapshot fails its checksum; an older one is used`)
    const snapshot = snapshots.newest
    const snapshotCommit = snapshot?.commit ?? 0
    this.#provenCommit = snapshotCommit
    this.#table.add(openedLedger(0, 0, 0))
    if (snapshot !== undefined) {
      this.#logId = snapshot.logId
      this.#freed = snapshot.freed
      for (const state of snapshot.ledgers) this.#table.add(state)
    }

    const numbers = await this.#segmentNumbers()
    const { loaded, unused } = await this.#loadAll(numbers, snapshotCommit)
    this.#options.metadata.restore(snapshot?.metadata)
    for (const { segment } of loaded) {
      if (segment.lastCommit > snapshotCommit) await this.#replay(segment, snapshotCommit + 1)
    }
    this.#findGaps(loaded, snapshotCommit)
    this.#doubt(snapshotCommit)

    const epoch = Math.max(snapshot?.epoch ?? 0, ...loaded.map(({ segment }) => segment.lastEpoch))
    const last = loaded.at(-1)
    let lastCommit = last?.segment.lastCommit ?? 0
    let isLastOpen = last?.walk !== undefined && !last.walk.isTailDamaged
    if (this.#provenCommit > lastCommit) {
      // Commits were durable and their segment is gone, or too damaged to show where they stood.
      this.#hole({ from: lastCommit + 1, to: this.#provenCommit, reason: 'the end of the log is missing' })
      lastCommit = this.#provenCommit
      isLastOpen = false
      this.#doubt(snapshotCommit)
    }
    const freedNumbers = numbers.filter((number) => this.#isFreed(number))
    const segments = loaded.map(({ segment }) => segment).filter((segment) => !this.#isFreed(segment.number))
    const lastSegment = segments.at(-1)
    if (lastSegment !== undefined && isLastOpen && last?.walk !== undefined) {
      // A segment without a commit is begun again, with a header of its own.
      if (last.walk.commits.length === 0) {
        segments.pop()
        unused.unshift(lastSegment.number)
        isLastOpen = false
      } else {
        await this.#rewriteUnproven(last)
      }
    }
    await this.#disk.syncDirectory('log')
    const lastNumber = Math.max(
      segments.at(-1)?.number ?? 0,
      this.#freed.at(-1)?.lastNumber ?? 0,
      this.#misplacedNumber,
    )
    return {
      logId: this.#logId ?? this.#options.random.bytes(LOG_ID_BYTES),
      epoch,
      table: this.#table,
      freed: this.#freed,
      segments,
      isLastOpen,
      lastCommit,
      lastCrc: last?.segment.lastCrc ?? 0,
      snapshotCommits: snapshots.commits,
      holes: new Holes(this.#holes),
      damage: this.#damage,
      metadataLoss: this.#metadataLoss,
      unusedNumbers: unused.filter((number) => number > lastNumber),
      lastNumber,
      freedNumbers,
    }
  }

  /** Loads what is there, but for segments whose end is told above the snapshot: their files may be in any state. */
  async #loadAll(
    numbers: readonly number[],
    snapshotCommit: number,
  ): Promise<{ readonly loaded: readonly LoadedSegment[]; readonly unused: number[] }> {
    const [provenCommit, damage] = [this.#provenCommit, this.#damage.length]
    for (;;) {
      const { sealed, used, unused } = await this.#sort(numbers)
      const loaded = await this.#load(sealed, used, unused)
      const known = this.#freed
      for (const { segment } of loaded) {
        if (segment.lastCommit > snapshotCommit) await this.#replayFreed(segment, snapshotCommit + 1)
      }
      if (this.#freed === known || !loaded.some(({ segment }) => this.#isFreed(segment.number))) {
        return { loaded, unused }
      }
      // What was found of those that are gone says nothing: once more without them.
      this.#provenCommit = provenCommit
      this.#damage.length = damage
      this.#holes.length = 0
    }
  }

  async #entries(segment: Segment, ledger: number, fromCommit: number): Promise<readonly IndexEntry[]> {
    try {
      return await segment.index.collect(queryAll(ledger, fromCommit))
    } catch (error) {
      await this.#walkInstead(segment, error)
      return await segment.index.collect(queryAll(ledger, fromCommit))
    }
  }

  async #ledgersOf(segment: Segment): Promise<readonly number[]> {
    try {
      return await segment.index.ledgers()
    } catch (error) {
      await this.#walkInstead(segment, error)
      return await segment.index.ledgers()
    }
  }

  /** The index turned out to be wrong behind its summary: it is built from the segment, and written again later. */
  async #walkInstead(segment: Segment, error: unknown): Promise<void> {
    if (!(error instanceof IndexDamagedError)) throw error
    this.#report(error.message)
    const { salt, firstCommit, previousCrc } = segment.start
    const file = await this.#disk.open(segment.path)
    try {
      const walk = await walkSegment(new CommitReader(file, await file.size()), {
        salt,
        commit: firstCommit,
        previousCrc,
        epoch: 0,
        provenCommit: segment.lastCommit,
        endBefore: segment.lastCommit + 1,
        offset: PAGE_BYTES,
      })
      this.#take(segment, walk)
      segment.file = undefined
    } finally {
      await file.close()
    }
  }

  async #replayFreed(segment: Segment, fromCommit: number): Promise<void> {
    for (const entry of await this.#entries(segment, 0, fromCommit)) {
      if (entry.kind !== FRAME_FREED) continue
      const bytes = await this.#payload(segment, entry)
      if (bytes !== undefined) this.#freed = addFreed(this.#freed, decodeFreed(bytes))
    }
  }

  async #segmentNumbers(): Promise<readonly number[]> {
    const names = await this.#disk.list('log')
    const numbers: number[] = []
    for (const name of names) {
      const number = numberInName(name, '.seg')
      if (number !== undefined) numbers.push(number)
      else if (name.endsWith('.tmp')) await this.#disk.remove(`log/${name}`)
    }
    for (const name of names) {
      const number = numberInName(name, '.idx')
      if (number === undefined || numbers.includes(number)) continue
      // Without its segment it says at least that there was one.
      const loaded = this.#isFreed(number) ? undefined : await loadIndexFile(this.#disk, `log/${name}`)
      if (loaded !== undefined) this.#provenCommit = Math.max(this.#provenCommit, loaded.summary.lastCommit)
    }
    return numbers.sort((a, b) => a - b)
  }

  /** Which segments have an index, which have only a header, and which were not begun. */
  async #sort(numbers: readonly number[]): Promise<{ sealed: Segment[]; used: UsedFile[]; unused: number[] }> {
    const sealed: Segment[] = []
    const used: UsedFile[] = []
    const unused: number[] = []
    for (const number of numbers) {
      if (this.#isFreed(number)) continue
      const fromIndex = await this.#fromIndexFile(number)
      if (fromIndex !== undefined) {
        sealed.push(fromIndex)
        continue
      }
      const header = await this.#readHeader(number)
      if (header === undefined) {
        unused.push(number)
        continue
      }
      // A header is written when all before is synced, and a file only moves on to higher numbers.
      if (header.number === number) used.push({ number, header })
      else if (header.number < number) unused.push(number)
      else {
        this.#report(`${segmentPath(number)}: this file holds segment ${header.number}`)
        this.#misplacedNumber = number
      }
      if (header.number >= number) this.#provenCommit = Math.max(this.#provenCommit, header.firstCommit - 1)
    }
    return { sealed, used, unused }
  }

  async #fromIndexFile(number: number): Promise<Segment | undefined> {
    const path = indexPath(number)
    const loaded = await loadIndexFile(this.#disk, path)
    if (loaded === undefined) return undefined
    const { summary } = loaded
    if (summary.number !== number) return undefined
    this.#checkLogId(path, summary.logId)
    const size = await this.#sizeOf(segmentPath(number))
    const segment = new Segment({
      logId: summary.logId,
      number,
      salt: summary.salt,
      firstCommit: summary.firstCommit,
      previousCrc: summary.previousCrc,
      createdMs: 0,
      capacity: size,
    })
    segment.lastCommit = summary.lastCommit
    segment.lastCrc = summary.lastCrc
    segment.lastEpoch = summary.lastEpoch
    segment.usedBytes = summary.usedBytes
    segment.damages = loaded.damages
    segment.file = new FileIndex(path, summary, loaded.bitmap, this.#options.pages)
    if (size < summary.usedBytes) {
      this.#report(`${segmentPath(number)}: the file ends at ${size}, its commits at ${summary.usedBytes}`)
    }
    // The index is written when the next segment's first commit is durable.
    this.#provenCommit = Math.max(this.#provenCommit, summary.lastCommit)
    return segment
  }

  async #readHeader(number: number): Promise<SegmentHeader | undefined> {
    const path = segmentPath(number)
    const file = await this.#disk.open(path)
    try {
      const page = new Uint8Array(PAGE_BYTES)
      const read = await file.read(page, 0)
      const decoded = decodeSegmentHeader(page.subarray(0, read))
      if (decoded.kind === 'newer') {
        throw new LogError(
          'newer-version',
          `${path}: this segment has format version ${decoded.version}, this program knows ${SEGMENT_VERSION}; ` +
            'use the version that wrote it, or a later one',
        )
      }
      if (decoded.kind !== 'ok') return undefined
      this.#checkLogId(path, decoded.header.logId)
      return decoded.header
    } finally {
      await file.close()
    }
  }

  #checkLogId(path: string, logId: Uint8Array): void {
    this.#logId ??= logId
    if (!this.#logId.every((byte, index) => byte === logId[index])) {
      throw new LogError('foreign-file', `${path}: this file belongs to another log; take it away and open again`)
    }
  }

  /** Puts the segments in order and walks those without an index. */
  async #load(sealed: readonly Segment[], used: readonly UsedFile[], unused: number[]): Promise<LoadedSegment[]> {
    const all: ListedSegment[] = [
      ...sealed.map((segment) => ({ number: segment.number, segment, header: undefined })),
      ...used.map(({ number, header }) => ({ number, segment: undefined, header })),
      ...unused.map((number) => ({ number, segment: undefined, header: undefined })),
    ].sort((a, b) => a.number - b.number)
    const loaded: LoadedSegment[] = []
    for (const [place, item] of all.entries()) {
      const next = all[place + 1]
      const nextFirst = next?.number === item.number + 1 ? firstCommitOf(next) : undefined
      const before = loaded.at(-1)?.segment
      if (item.segment !== undefined) {
        loaded.push({ segment: item.segment, walk: undefined, hasHeader: true })
        for (const range of item.segment.damages) {
          this.#hole({ from: range.fromCommit, to: range.toCommit, reason: `${item.segment.path} at ${range.offset}` })
        }
      } else if (item.header !== undefined) {
        loaded.push(await this.#walk(item.number, item.header, nextFirst, before))
      } else {
        // The header page may be lost although the commits are there: the chain tells.
        const link = this.#linkTo(item.number, before)
        const found = link === undefined ? undefined : await this.#walkWithoutHeader(item.number, link, nextFirst)
        if (found === undefined) continue
        unused.splice(unused.indexOf(item.number), 1)
        loaded.push(found)
      }
    }
    return loaded
  }

  async #walk(
    number: number,
    header: SegmentHeader,
    endBefore: number | undefined,
    before: Segment | undefined,
  ): Promise<LoadedSegment> {
    const path = segmentPath(number)
    const size = await this.#sizeOf(path)
    const segment = new Segment(header)
    const file = await this.#disk.open(path)
    try {
      const walk = await walkSegment(new CommitReader(file, size), {
        salt: header.salt,
        commit: header.firstCommit,
        previousCrc: header.previousCrc,
        epoch: before?.lastEpoch ?? 0,
        provenCommit: this.#provenCommit,
        endBefore,
        offset: PAGE_BYTES,
      })
      this.#take(segment, walk)
      return { segment, walk, hasHeader: true }
    } finally {
      await file.close()
    }
  }

  /** What the first commit of segment `number` must be, if what stood before it is known. */
  #linkTo(number: number, before: Segment | undefined): Expectation | undefined {
    if (before !== undefined) {
      if (before.number !== number - 1) return undefined
      return { salt: undefined, commit: before.lastCommit + 1, previousCrc: before.lastCrc, epoch: before.lastEpoch }
    }
    if (number === 1) return { salt: undefined, commit: 1, previousCrc: 0, epoch: 0 }
    const freed = this.#freed.find(({ lastNumber }) => lastNumber === number - 1)
    if (freed === undefined) return undefined
    return { salt: undefined, commit: freed.lastCommit + 1, previousCrc: undefined, epoch: 0 }
  }

  async #walkWithoutHeader(
    number: number,
    expected: Expectation,
    endBefore: number | undefined,
  ): Promise<LoadedSegment | undefined> {
    const path = segmentPath(number)
    const capacity = await this.#sizeOf(path)
    const file = await this.#disk.open(path)
    try {
      const reader = new CommitReader(file, capacity)
      const verdict = await reader.judge(PAGE_BYTES, expected)
      if (verdict.kind === 'none') return undefined
      const { salt } = verdict.header
      const walk = await walkSegment(reader, {
        ...expected,
        salt,
        provenCommit: this.#provenCommit,
        endBefore,
        offset: PAGE_BYTES,
      })
      if (walk.commits.length === 0 && walk.damages.length === 0) return undefined
      // It goes out with the first commit: unless that was synced, a crash alone can have torn it.
      if (walk.provenCommit >= expected.commit) {
        this.#report(`${path}: the segment's header cannot be read; its commits can`)
      }
      this.#logId ??= this.#options.random.bytes(LOG_ID_BYTES)
      const segment = new Segment({
        logId: this.#logId,
        number,
        salt,
        firstCommit: expected.commit,
        previousCrc: expected.previousCrc ?? 0,
        createdMs: 0,
        capacity,
      })
      this.#take(segment, walk)
      return { segment, walk, hasHeader: false }
    } finally {
      await file.close()
    }
  }

  #take(segment: Segment, walk: SegmentWalk): void {
    segment.memory = walk.index
    segment.lastCommit = walk.lastCommit
    segment.lastCrc = walk.lastCrc
    segment.lastEpoch = walk.lastEpoch
    segment.usedBytes = walk.usedBytes
    segment.damages = walk.damages
    this.#provenCommit = Math.max(this.#provenCommit, walk.provenCommit)
    for (const range of walk.damages) {
      this.#hole({ from: range.fromCommit, to: range.toCommit, reason: `${segment.path} at ${range.offset}` })
    }
    for (const { frame, offset } of walk.payloads) {
      this.#report(
        `${segment.path}: at offset ${offset + frame.payloadOffset} the records of ledger ${frame.ledger}, ` +
          `commit ${frame.commit}, fail their checksum`,
      )
    }
    this.#options.logger.debug('walked a segment', {
      segment: segment.path,
      commits: walk.commits.length,
      lastCommit: walk.lastCommit,
      endReason: walk.endReason,
    })
  }

  /** Takes frames from `fromCommit` on into the table and the metadata. A ledger's frames in order, ledger 0 last. */
  async #replay(segment: Segment, fromCommit: number): Promise<void> {
    for (const ledger of await this.#ledgersOf(segment)) {
      if (ledger === 0) continue
      for (const entry of await this.#entries(segment, ledger, fromCommit)) {
        if (entry.kind === FRAME_OPEN || entry.kind === FRAME_RECORDS || entry.kind === FRAME_CLOSE) {
          this.#table.apply(ledger, entry)
        }
      }
    }
    for (const entry of await this.#entries(segment, 0, fromCommit)) await this.#replayOwn(segment, entry)
  }

  async #replayOwn(segment: Segment, entry: IndexEntry): Promise<void> {
    const own = this.#table.get(0)
    const hole = this.#holes.find(({ from, to }) => entry.previousCommit >= from && entry.previousCommit <= to)
    if (hole !== undefined) this.#loseMetadata(`commits ${hole.from} to ${hole.to} (${hole.reason})`)
    if (own !== undefined) this.#table.apply(0, entry)
    const bytes = await this.#payload(segment, entry)
    if (bytes === undefined) {
      this.#loseMetadata(`commit ${entry.commit} (${segment.path} at ${entry.offset})`)
      return
    }
    if (entry.kind === FRAME_METADATA) {
      this.#options.metadata.apply(entry.commit, bytes)
    } else if (entry.kind === FRAME_TRIM) {
      for (const { ledger, beforeMs } of decodeTrim(bytes)) {
        const state = this.#table.get(ledger)
        if (state !== undefined) raiseFloor(state, beforeMs)
      }
    } else if (entry.kind === FRAME_DROP) {
      for (const ledger of decodeDrop(bytes)) this.#table.delete(ledger)
    }
  }

  async #payload(segment: Segment, entry: IndexEntry): Promise<Uint8Array | undefined> {
    const file = await this.#disk.open(segment.path)
    try {
      const bytes = new Uint8Array(entry.bytes)
      const read = await file.read(bytes, entry.offset)
      return read === entry.bytes && crc32(bytes) === entry.crc ? bytes : undefined
    } finally {
      await file.close()
    }
  }

  /** Commits between two neighbouring segments that are in neither, and were not freed. */
  #findGaps(loaded: readonly LoadedSegment[], snapshotCommit: number): void {
    let expected = 1
    let before = 'the start of the log'
    for (const { segment } of loaded) {
      if (segment.firstCommit > expected) {
        const gap = { from: expected, to: segment.firstCommit - 1 }
        const isFreed = this.#freed.some((range) => range.firstCommit <= gap.from && range.lastCommit >= gap.to)
        if (!isFreed) {
          this.#hole({ ...gap, reason: `a segment is missing between ${before} and ${segment.path}` })
          if (gap.to > snapshotCommit) this.#metadataLoss ??= `metadata may be lost with ${gap.from} to ${gap.to}`
        }
      }
      expected = segment.lastCommit + 1
      before = segment.path
    }
  }

  /**
   * A ledger without a frame above a hole may have had its last ones in it, unless a snapshot above says otherwise.
   * Its chain is led through the hole, so that every reader is told, for ever.
   */
  #doubt(snapshotCommit: number): void {
    for (const hole of this.#holes) {
      if (hole.to <= snapshotCommit) continue
      for (const state of this.#table.values()) {
        if (state.lastFrameCommit >= hole.to || state.closedAtMs !== undefined) continue
        state.lastFrameCommit = hole.to
        state.durableFrameCommit = hole.to
        if (state.ledger !== 0) state.end = { commit: hole.to + 1, index: 0 }
      }
    }
  }

  /**
   * What nothing proves to be synced may stand only in the page cache, and after a failed sync the cache may show
   * bytes the disk lacks: written again and synced, it is durable before anybody is served.
   */
  async #rewriteUnproven({ segment, walk, hasHeader }: LoadedSegment): Promise<void> {
    const first = walk?.commits.find(({ commit }) => commit > this.#provenCommit)
    if (hasHeader && first === undefined) return
    // The header was written together with the first commit.
    const isHeaderDue = !hasHeader || first?.commit === segment.firstCommit
    const file = await this.#disk.open(segment.path)
    try {
      for (let offset = first?.offset ?? segment.usedBytes; offset < segment.usedBytes; offset += MIB) {
        const bytes = new Uint8Array(Math.min(MIB, segment.usedBytes - offset))
        await file.read(bytes, offset)
        await file.write(bytes, offset)
      }
      if (isHeaderDue) {
        const page = new Uint8Array(PAGE_BYTES)
        encodeSegmentHeader({ ...segment.start, retentionClass: 0, logNumber: 0 }, page)
        await file.write(page, 0)
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }

  #isFreed(number: number): boolean {
    return this.#freed.some((range) => range.firstNumber <= number && range.lastNumber >= number)
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#disk.open(path)
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }

  #hole(hole: Hole): void {
    this.#holes.push(hole)
    this.#report(`commits ${hole.from} to ${hole.to} cannot be read: ${hole.reason}`)
  }

  #loseMetadata(what: string): void {
    this.#metadataLoss ??= `metadata is lost with ${what}`
    this.#report(this.#metadataLoss)
  }

  #report(line: string): void {
    this.#damage.push(line)
    this.#options.logger.error('stored data is damaged', { damage: line })
  }
}
