/**
 * Puts the segments in order and walks those without an index. A segment whose header page is gone is found by the
 * chain: its first commit names the last one of the segment before. Where nothing leads to it, its commits say
 * themselves whether they are the log's. Where the drive refuses to read both, or both are gone, nobody knows what stands in
 * the file. Changes nothing on disk.
 */
import type { Logger, Random } from '@millrace/std'
import { CommitReader, type Expectation, ReadMemory } from '../commit-reader.ts'
import { damagedFrame } from '../damaged-ledgers.ts'
import type { Disk } from '../disk.ts'
import { COMMIT_HEADER_BYTES, decodeCommitHeader } from '../format/commit-format.ts'
import { LOG_ID_BYTES, type SegmentHeader } from '../format/segment-header.ts'
import type { DamagedRange } from '../format/index-format.ts'
import { PAGE_BYTES } from '../limits.ts'
import { Segment, segmentPath } from '../segment.ts'
import { freedBehind } from '../segment-register.ts'
import { type SegmentWalk, walkSegment } from '../segment-walk.ts'
import type { Evidence } from './evidence.ts'
import { firstCommitOf, type SegmentFile, type SegmentFiles } from './segment-files.ts'

export interface LoadedSegment {
  readonly segment: Segment
  /** `undefined`: taken from its index file. */
  readonly walk: SegmentWalk | undefined
  /** False when only the chain led here: the header has to be written again. */
  readonly hasHeader: boolean
}

/** A file behind all segments that may be one, of which nothing can be read, or nobody knows where it begins. */
export interface UnreadSegment {
  readonly number: number
  /** Why, for people. */
  readonly reason: string
  /** Commits that may stand in it; `undefined`: no segment is known that leads to it. */
  readonly commits: { readonly from: number; readonly to: number } | undefined
}

export interface LoadedSegments {
  /** In order. */
  readonly loaded: readonly LoadedSegment[]
  readonly unread: readonly UnreadSegment[]
  /** Numbers of files that hold nothing of the log. Ascending. */
  readonly unused: readonly number[]
}

const REFUSED = "the drive refuses to read the segment's header and its first commit (EIO)"
const LOST =
  "the segment's header and its first commit cannot be read; a commit behind them proves that they were stored"

export interface SegmentLoaderOptions {
  readonly disk: Disk
  readonly random: Random
  readonly logger: Logger
  readonly files: SegmentFiles
  readonly evidence: Evidence
}

export class SegmentLoader {
  readonly #options: SegmentLoaderOptions
  readonly #evidence: Evidence
  readonly #memory = new ReadMemory()

  constructor(options: SegmentLoaderOptions) {
    this.#options = options
    this.#evidence = options.evidence
  }

  async load(files: readonly SegmentFile[]): Promise<LoadedSegments> {
    const loaded: LoadedSegment[] = []
    const unread: UnreadSegment[] = []
    const unused: number[] = []
    for (const [place, file] of files.entries()) {
      const next = files[place + 1]
      const nextFirst =
        next?.number === file.number + 1 ? firstCommitOf(next) : freedBehind(this.#evidence.register.freed, file.number)
      const before = loaded.at(-1)?.segment
      if (file.sealed !== undefined) {
        loaded.push({ segment: file.sealed, walk: undefined, hasHeader: true })
        this.#addHoles(file.sealed, file.sealed.damages)
      } else if (file.header !== undefined) {
        const isNextBare = next !== undefined && next.number === file.number + 1 && nextFirst === undefined
        const endBefore = isNextBare ? await this.#chainedFirst(file.header, next.number) : nextFirst
        const walked = await this.#walk(file.number, file.header, endBefore, before)
        // Where it ends is told by what the drive may read to a later opening.
        if (isNextBare && next.isRefused) walked.segment.isRefused = true
        loaded.push(walked)
      } else {
        // The header page may be lost although the commits are there: the chain tells, or they do.
        const link = this.#linkTo(file.number, before) ?? (await this.#ownLink(file.number, before, nextFirst))
        const found = link === undefined ? unknownOf(file) : await this.#walkWithoutHeader(file, link, nextFirst)
        if (found === undefined) unused.push(file.number)
        else if ('segment' in found) loaded.push(found)
        // One in the middle is missing between its neighbours.
        else if (nextFirst === undefined) unread.push(found)
      }
    }
    return { loaded, unread, unused }
  }

  /** Walks a segment whose index turned out to be wrong behind its summary. */
  async walkAgain(segment: Segment): Promise<void> {
    const file = await this.#options.disk.open(segment.path)
    try {
      this.#take(segment, await walkSegment(new CommitReader(file, await file.size(), this.#memory), segment.walkStart))
    } finally {
      await file.close()
    }
  }

  async #walk(
    number: number,
    header: SegmentHeader,
    endBefore: number | undefined,
    before: Segment | undefined,
  ): Promise<LoadedSegment> {
    const path = segmentPath(number)
    const segment = new Segment(header)
    const file = await this.#options.disk.open(path)
    try {
      const walk = await walkSegment(new CommitReader(file, await file.size(), this.#memory), {
        salt: header.salt,
        commit: header.firstCommit,
        previousCrc: header.previousCrc,
        epoch: before?.lastEpoch ?? 0,
        provenCommit: this.#evidence.provenCommit,
        endBefore,
        offset: PAGE_BYTES,
      })
      this.#take(segment, walk)
      return { segment, walk, hasHeader: true }
    } finally {
      await file.close()
    }
  }

  /**
   * The first commit of segment `next`, whose header cannot be read, if the chain leads there from the end of the one
   * before, or would if the first commit were not lost too. Without it what that one does not hold would count as its damage.
   */
  async #chainedFirst(header: SegmentHeader, next: number): Promise<number | undefined> {
    const file = await this.#options.disk.open(segmentPath(header.number))
    const nextFile = await this.#options.disk.open(segmentPath(next))
    try {
      const { firstCommit, previousCrc, salt } = header
      const start = { salt, commit: firstCommit, previousCrc, epoch: 0, provenCommit: 0, endBefore: undefined }
      const walk = await walkSegment(new CommitReader(file, await file.size(), this.#memory), {
        ...start,
        offset: PAGE_BYTES,
      })
      const commit = walk.lastCommit + 1
      const expected = { salt: undefined, commit, previousCrc: walk.lastCrc, epoch: walk.lastEpoch }
      const reader = new CommitReader(nextFile, await nextFile.size(), this.#memory)
      if ((await reader.judge(PAGE_BYTES, expected)).kind !== 'none') return commit
      // What nothing proves would not count as damage.
      if (this.#evidence.provenCommit < commit) return undefined
      const isLost = reader.isRefused(PAGE_BYTES, PAGE_BYTES) || (await reader.isFollowed(PAGE_BYTES, expected))
      return isLost ? commit : undefined
    } finally {
      await file.close()
      await nextFile.close()
    }
  }

  /** What the first commit of segment `number` must be, if what stood before it is known. */
  #linkTo(number: number, before: Segment | undefined): Expectation | undefined {
    const epoch = before?.lastEpoch ?? 0
    if (before?.number === number - 1) {
      return { salt: undefined, commit: before.lastCommit + 1, previousCrc: before.lastCrc, epoch }
    }
    if (number === 1) return { salt: undefined, commit: 1, previousCrc: 0, epoch }
    const freed = this.#evidence.register.freed.find(({ lastNumber }) => lastNumber === number - 1)
    if (freed === undefined) return undefined
    return { salt: undefined, commit: freed.lastCommit + 1, previousCrc: undefined, epoch }
  }

  /**
   * The first commit of segment `number`, to which nothing leads, if it is the log's: what says that the segments before are
   * gone may stand in this one. What a file held before it was used again is of segments that went, and these are covered by
   * both snapshots: commits above all that is proven, or up to where the next segment begins, are of this use. At the page of
   * the first commit no record can stand. Reads one segment at most.
   */
  async #ownLink(number: number, before?: Segment, nextFirst?: number): Promise<Expectation | undefined> {
    const file = await this.#options.disk.open(segmentPath(number))
    try {
      const reader = new CommitReader(file, await file.size(), this.#memory)
      const first = decodeCommitHeader(await reader.bytes(PAGE_BYTES, COMMIT_HEADER_BYTES), 0)
      const isBetween = (commit: number): boolean =>
        commit > (before?.lastCommit ?? 0) && (nextFirst === undefined || commit < nextFirst)
      if (first === undefined || !isBetween(first.commit)) return undefined
      const link = { salt: undefined, commit: first.commit, previousCrc: undefined, epoch: before?.lastEpoch ?? 0 }
      const start = { ...link, salt: first.salt, provenCommit: 0, endBefore: nextFirst, offset: PAGE_BYTES }
      const last = (await walkSegment(reader, start)).commits.at(-1)?.commit ?? 0
      const isOwn = nextFirst === undefined ? last > this.#evidence.provenCommit : last === nextFirst - 1
      return isOwn ? link : undefined
    } finally {
      await file.close()
    }
  }

  async #walkWithoutHeader(
    { number, isRefused }: SegmentFile,
    expected: Expectation,
    endBefore: number | undefined,
  ): Promise<LoadedSegment | UnreadSegment | undefined> {
    const path = segmentPath(number)
    const file = await this.#options.disk.open(path)
    try {
      const capacity = await file.size()
      const reader = new CommitReader(file, capacity, this.#memory)
      const verdict = await reader.judge(PAGE_BYTES, expected)
      if (verdict.kind === 'none') {
        const isUnread = isRefused && reader.isRefused(PAGE_BYTES, PAGE_BYTES)
        // The salt is gone, too: what stands behind could be part of a record, and is not served.
        if (!isUnread && !(await reader.isFollowed(PAGE_BYTES, expected))) return undefined
        const to = expected.commit - 1 + (await reader.commitsMax(PAGE_BYTES, undefined))
        return { number, reason: isUnread ? REFUSED : LOST, commits: { from: expected.commit, to } }
      }
      // What stands before may be gone: then the chain begins with what this commit says.
      const { version, salt, previousCrc } = verdict.header
      const { provenCommit } = this.#evidence
      const walk = await walkSegment(reader, { ...expected, salt, provenCommit, endBefore, offset: PAGE_BYTES })
      if (walk.commits.length === 0 && walk.damages.length === 0) return undefined
      // It goes out with the first commit: unless that was synced, a crash alone can have torn it.
      if (walk.provenCommit >= expected.commit) {
        this.#evidence.report(`${path}: the segment's header cannot be read; its commits can`)
      }
      const logId = this.#evidence.logId ?? this.#options.random.bytes(LOG_ID_BYTES)
      this.#evidence.checkLogId(path, logId)
      const segment = new Segment({
        version,
        logId,
        number,
        salt,
        firstCommit: expected.commit,
        previousCrc,
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
    segment.takeWalk(walk)
    segment.lastCommit = walk.lastCommit
    segment.lastCrc = walk.lastCrc
    segment.lastEpoch = walk.lastEpoch
    segment.usedBytes = walk.usedBytes
    this.#evidence.prove(walk.provenCommit)
    const [refused] = walk.refused
    if (refused !== undefined) {
      const more = walk.refused.size === 1 ? '' : `, and ${walk.refused.size - 1} more`
      this.#evidence.report(`${segment.path}: the drive refuses to read the page at offset ${refused}${more} (EIO)`)
    }
    this.#addHoles(segment, walk.damages)
    for (const { frame, offset } of walk.payloads) {
      this.#evidence.report(
        `${segment.path}: at offset ${offset + frame.payloadOffset} the records of ledger ${frame.ledger}, ` +
          `commit ${frame.commit}, fail their checksum`,
        [damagedFrame(frame.ledger, frame)],
      )
    }
    this.#options.logger.debug('walked a segment', {
      segment: segment.path,
      commits: walk.commits.length,
      lastCommit: walk.lastCommit,
      endReason: walk.endReason,
    })
  }

  #addHoles(segment: Segment, damages: readonly DamagedRange[]): void {
    for (const { fromCommit, toCommit, offset } of damages) {
      this.#evidence.addHole({ from: fromCommit, to: toCommit, reason: `${segment.path} at ${offset}` })
    }
  }
}

/** What is known of a file to which no segment leads. */
function unknownOf({ number, isRefused }: SegmentFile): UnreadSegment | undefined {
  return isRefused ? { number, reason: REFUSED, commits: undefined } : undefined
}
