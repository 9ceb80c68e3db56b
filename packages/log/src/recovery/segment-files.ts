/**
 * The files of `log/`, before it is known what they hold: which segments have an index, which have only a header, and
 * which were not begun. Removes nothing but unfinished index files.
 */
import type { Disk } from '../disk.ts'
import { FileIndex } from '../file-index.ts'
import { decodeSegmentHeader, SEGMENT_VERSION, type SegmentHeader } from '../format/segment-header.ts'
import { loadIndexFile } from '../index-file.ts'
import { PAGE_BYTES } from '../limits.ts'
import { LogError } from '../log-error.ts'
import type { PageCache } from '../page-cache.ts'
import { readAround } from '../refused-read.ts'
import { indexPath, numberInName, Segment, segmentPath } from '../segment.ts'
import type { Evidence } from './evidence.ts'

/** One segment file. With neither `sealed` nor `header` nothing tells that it was begun. */
export interface SegmentFile {
  readonly number: number
  /** Taken from its index file. */
  readonly sealed: Segment | undefined
  readonly header: SegmentHeader | undefined
  /** The drive refuses to read the header. */
  readonly isRefused: boolean
}

export interface SegmentListing {
  /** By number. */
  readonly files: readonly SegmentFile[]
  /** A file that holds another segment than its name says: its number is not to be used again. 0: none. */
  readonly misplacedNumber: number
}

export function firstCommitOf({ sealed, header }: SegmentFile): number | undefined {
  return sealed?.firstCommit ?? header?.firstCommit
}

/** The numbers in use, ascending. An index without its segment says at least that there was one. */
export async function listSegments(disk: Disk, evidence: Evidence): Promise<readonly number[]> {
  const names = await disk.list('log')
  const numbers: number[] = []
  for (const name of names) {
    const number = numberInName(name, '.seg')
    if (number !== undefined) numbers.push(number)
    else if (name.endsWith('.tmp')) await disk.remove(`log/${name}`)
  }
  for (const name of names) {
    const number = numberInName(name, '.idx')
    if (number === undefined || numbers.includes(number)) continue
    const loaded = evidence.isFreed(number) ? undefined : await loadIndexFile(disk, `log/${name}`)
    if (loaded !== undefined) evidence.prove(loaded.summary.lastCommit)
  }
  return numbers.sort((a, b) => a - b)
}

export class SegmentFiles {
  readonly #disk: Disk
  readonly #pages: PageCache
  readonly #evidence: Evidence

  constructor(disk: Disk, pages: PageCache, evidence: Evidence) {
    this.#disk = disk
    this.#pages = pages
    this.#evidence = evidence
  }

  /** What the files of `numbers` say they are, without those that are gone. */
  async look(numbers: readonly number[]): Promise<SegmentListing> {
    const files: SegmentFile[] = []
    let misplacedNumber = 0
    for (const number of numbers) {
      if (this.#evidence.isFreed(number)) continue
      const sealed = await this.#fromIndexFile(number)
      if (sealed !== undefined) {
        files.push({ number, sealed, header: undefined, isRefused: false })
        continue
      }
      const { header, isRefused } = await this.#readHeader(number)
      // A header is written when all before is synced, and a file only moves on to higher numbers.
      if (header !== undefined && header.number >= number) this.#evidence.prove(header.firstCommit - 1)
      // A file used before names a segment that is gone; one that is still there has changed places with this one.
      const isOther = header !== undefined && header.number !== number
      if (isOther && (header.number > number || this.#isInUse(header.number, numbers))) {
        this.#evidence.report(`${segmentPath(number)}: this file holds segment ${header.number}`)
        misplacedNumber = number
      } else {
        const own = header?.number === number ? header : undefined
        files.push({ number, sealed: undefined, header: own, isRefused })
      }
    }
    return { files, misplacedNumber }
  }

  #isInUse(number: number, numbers: readonly number[]): boolean {
    return numbers.includes(number) && !this.#evidence.isFreed(number)
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#disk.open(path)
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }

  async #fromIndexFile(number: number): Promise<Segment | undefined> {
    const path = indexPath(number)
    const loaded = await loadIndexFile(this.#disk, path)
    if (loaded === undefined) return undefined
    const { summary } = loaded
    if (summary.number !== number) return undefined
    this.#evidence.checkLogId(path, summary.logId)
    const size = await this.#sizeOf(segmentPath(number))
    const segment = new Segment({
      version: 0,
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
    segment.file = new FileIndex(path, summary, loaded.bitmap, this.#pages)
    if (size < summary.usedBytes) {
      this.#evidence.report(`${segmentPath(number)}: the file ends at ${size}, its commits at ${summary.usedBytes}`)
    }
    // The index is written when the next segment's first commit is durable.
    this.#evidence.prove(summary.lastCommit)
    return segment
  }

  async #readHeader(number: number): Promise<Pick<SegmentFile, 'header' | 'isRefused'>> {
    const path = segmentPath(number)
    const file = await this.#disk.open(path)
    try {
      const page = new Uint8Array(PAGE_BYTES)
      const refused = new Set<number>()
      const read = await file.read(page, 0).catch((error: unknown) => readAround(error, file, page, 0, refused))
      const decoded = decodeSegmentHeader(page.subarray(0, read))
      if (decoded.kind === 'newer') {
        throw new LogError(
          'newer-version',
          `${path}: this segment has format version ${decoded.version}, this program knows ${SEGMENT_VERSION}; ` +
            'use the version that wrote it, or a later one',
        )
      }
      if (decoded.kind !== 'ok') return { header: undefined, isRefused: refused.size > 0 }
      this.#evidence.checkLogId(path, decoded.header.logId)
      return { header: decoded.header, isRefused: false }
    } finally {
      await file.close()
    }
  }
}
