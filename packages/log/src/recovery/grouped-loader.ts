/**
 * Finds the regrouped segments that the log's register names: by their index files, or by walking their blocks. They
 * lie below every snapshot, so nothing of them is replayed. A file that the register does not name was not finished,
 * or was to go. Changes nothing on disk.
 */
import type { Logger } from '@millrace/std'
import { CommitReader } from '../commit-reader.ts'
import { damagedFrame } from '../damaged-ledgers.ts'
import type { Disk } from '../disk.ts'
import { FileIndex } from '../file-index.ts'
import type { GroupedSegment } from '../format/control-format.ts'
import { LOG_ID_BYTES } from '../format/segment-header.ts'
import { loadIndexFile } from '../index-file.ts'
import type { PageCache } from '../page-cache.ts'
import { groupedNumberInName, indexPath, Segment, segmentPath } from '../segment.ts'
import { walkSegment } from '../segment-walk.ts'
import type { Evidence } from './evidence.ts'

export interface GroupedLoaderOptions {
  readonly disk: Disk
  readonly logger: Logger
  readonly pages: PageCache
}

export interface LoadedGrouped {
  readonly segments: readonly Segment[]
  /** Of every file that is there. */
  readonly numbers: readonly number[]
  /** Of those that may be removed. */
  readonly unlistedNumbers: readonly number[]
}

export class GroupedLoader {
  readonly #options: GroupedLoaderOptions
  readonly #evidence: Evidence

  constructor(options: GroupedLoaderOptions, evidence: Evidence) {
    this.#options = options
    this.#evidence = evidence
  }

  async load(): Promise<LoadedGrouped> {
    const { grouped } = this.#evidence.register
    const numbers = new Set<number>(grouped.map(({ number }) => number))
    for (const name of await this.#options.disk.list('log')) {
      const number = groupedNumberInName(name, '.seg') ?? groupedNumberInName(name, '.idx')
      if (number !== undefined) numbers.add(number)
    }
    // A register of which part is lost says nothing about what it does not name.
    const isCertain = this.#evidence.metadataLoss === undefined && this.#evidence.holes.length === 0
    const segments: Segment[] = []
    for (const entry of grouped) {
      const segment = (await this.#fromIndexFile(entry)) ?? (await this.#walk(entry))
      if (segment !== undefined) segments.push(segment)
    }
    const unlisted = [...numbers].filter((number) => !grouped.some((entry) => entry.number === number))
    for (const number of isCertain ? [] : unlisted) {
      this.#evidence.report(
        `${segmentPath(number)}: what is left of the log does not say whether this file is part of it`,
      )
    }
    return { segments, numbers: [...numbers], unlistedNumbers: isCertain ? unlisted : [] }
  }

  async #fromIndexFile(entry: GroupedSegment): Promise<Segment | undefined> {
    const { disk, pages } = this.#options
    const path = indexPath(entry.number)
    const loaded = await loadIndexFile(disk, path)
    if (loaded === undefined) return undefined
    const { summary } = loaded
    if (summary.number !== entry.number || summary.salt !== entry.salt) return undefined
    this.#evidence.checkLogId(path, summary.logId)
    const capacity = await this.#sizeOf(entry)
    if (capacity === undefined) return undefined
    if (capacity < entry.usedBytes) {
      this.#evidence.report(
        `${segmentPath(entry.number)}: the file ends at ${capacity}, its blocks at ${entry.usedBytes}`,
      )
    }
    const segment = this.#segmentOf(entry, capacity)
    segment.file = new FileIndex(path, summary, loaded.bitmap, pages)
    segment.damages = loaded.damages
    this.#addHoles(segment)
    return segment
  }

  async #walk(entry: GroupedSegment): Promise<Segment | undefined> {
    const path = segmentPath(entry.number)
    const capacity = await this.#sizeOf(entry)
    if (capacity === undefined) {
      const { firstCommit, lastCommit } = entry
      this.#evidence.addHole({ from: firstCommit, to: lastCommit, reason: `${path} is missing` })
      return undefined
    }
    const segment = this.#segmentOf(entry, capacity)
    const file = await this.#options.disk.open(path)
    try {
      const walk = await walkSegment(new CommitReader(file, capacity), segment.walkStart)
      segment.takeWalk(walk)
      this.#addHoles(segment)
      for (const { frame, offset } of walk.payloads) {
        this.#evidence.report(
          `${path}: at offset ${offset + frame.payloadOffset} the records of ledger ${frame.ledger}, ` +
            `commit ${frame.commit}, fail their checksum`,
          [damagedFrame(frame.ledger, frame)],
        )
      }
      this.#options.logger.debug('walked a regrouped segment', { segment: path, blocks: walk.commits.length })
      return segment
    } finally {
      await file.close()
    }
  }

  #segmentOf(entry: GroupedSegment, capacity: number): Segment {
    const { number, salt, firstCommit, lastCommit, usedBytes } = entry
    const logId = this.#evidence.logId ?? new Uint8Array(LOG_ID_BYTES)
    const start = { version: 0, logId, number, salt, firstCommit, previousCrc: 0, createdMs: 0, capacity }
    const segment = new Segment(start, entry)
    segment.lastCommit = lastCommit
    segment.usedBytes = usedBytes
    return segment
  }

  #addHoles(segment: Segment): void {
    for (const { fromCommit, toCommit, offset } of segment.damages) {
      this.#evidence.addHole({ from: fromCommit, to: toCommit, reason: `${segment.path} at ${offset}` })
    }
  }

  /** `undefined`: there is no file. */
  async #sizeOf({ number }: GroupedSegment): Promise<number | undefined> {
    const { disk } = this.#options
    const path = segmentPath(number)
    if (!(await disk.exists(path))) return undefined
    const file = await disk.open(path)
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }
}
