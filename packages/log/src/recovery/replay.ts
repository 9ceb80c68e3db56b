/**
 * Takes what stands above the snapshot into the table of ledgers and the metadata: the frames of each ledger in order,
 * ledger 0 last, since a drop or a trim concerns what the others have become.
 */
import type { Metadata } from '../api.ts'
import type { Disk } from '../disk.ts'
import {
  FRAME_CLOSE,
  FRAME_DROP,
  FRAME_FREED,
  FRAME_METADATA,
  FRAME_OPEN,
  FRAME_RECORDS,
  FRAME_REGROUPED,
  FRAME_TRIM,
} from '../format/commit-format.ts'
import { decodeDrop, decodeFreed, decodeRegrouping, decodeTrim } from '../format/control-format.ts'
import { crc32 } from '../format/crc32.ts'
import { type LedgerTable, openedLedger } from '../ledger-table.ts'
import { LogError } from '../log-error.ts'
import { IndexDamagedError } from '../page-cache.ts'
import { readAround } from '../refused-read.ts'
import type { Segment } from '../segment.ts'
import { type IndexEntry, queryAll, type SegmentIndex } from '../segment-index.ts'
import type { Evidence } from './evidence.ts'
import type { SegmentLoader } from './segment-loader.ts'

export interface ReplayOptions {
  readonly disk: Disk
  readonly loader: SegmentLoader
  readonly evidence: Evidence
  readonly table: LedgerTable
  readonly metadata: Metadata
}

export class Replay {
  readonly #options: ReplayOptions
  readonly #evidence: Evidence
  #changeCommit = 0

  constructor(options: ReplayOptions) {
    this.#options = options
    this.#evidence = options.evidence
  }

  /** The newest commit with a frame that is not records, of those that were taken in; 0 if there is none. */
  get changeCommit(): number {
    return this.#changeCommit
  }

  /** Which segments the log says are gone, or stand regrouped. */
  async register(segment: Segment, fromCommit: number): Promise<void> {
    for (const entry of await this.#entries(segment, 0, fromCommit)) {
      if (entry.kind !== FRAME_FREED && entry.kind !== FRAME_REGROUPED) continue
      const bytes = await this.#payload(segment, entry)
      if (bytes === undefined) continue
      if (entry.kind === FRAME_FREED) {
        const freed = decodeFreed(bytes)
        if (freed === undefined) this.#loseOwn(segment, entry)
        else this.#evidence.free(freed)
      } else {
        const regrouping = decodeRegrouping(bytes)
        if (regrouping === undefined) this.#loseOwn(segment, entry)
        else this.#evidence.regroup(regrouping)
      }
    }
  }

  /** Everything else, from `fromCommit` on. */
  async all(segment: Segment, fromCommit: number): Promise<void> {
    for (const ledger of await this.#look(segment, (index) => index.ledgers())) {
      if (ledger === 0) continue
      for (const entry of await this.#entries(segment, ledger, fromCommit)) {
        if (entry.kind === FRAME_OPEN || entry.kind === FRAME_RECORDS || entry.kind === FRAME_CLOSE) {
          if (entry.kind !== FRAME_RECORDS) this.#noteChange(entry)
          this.#openLost(ledger, entry)
          this.#options.table.apply(ledger, entry)
        }
      }
    }
    for (const entry of await this.#entries(segment, 0, fromCommit)) await this.#own(segment, entry, fromCommit)
  }

  #noteChange({ commit }: IndexEntry): void {
    this.#changeCommit = Math.max(this.#changeCommit, commit)
  }

  /** The opening of a ledger was lost to damage: what follows it is there all the same, behind a hole. */
  #openLost(ledger: number, { previousCommit, timeMs }: IndexEntry): void {
    const { table } = this.#options
    const holes = this.#evidence.holes.filter(({ from }) => from <= previousCommit)
    if (table.get(ledger) !== undefined || !holes.some(({ to }) => previousCommit <= to)) return
    table.add(openedLedger(ledger, Math.min(...holes.map(({ from }) => from)), timeMs))
  }

  async #own(segment: Segment, entry: IndexEntry, fromCommit: number): Promise<void> {
    const { table, metadata } = this.#options
    this.#noteChange(entry)
    const hole = this.#evidence.holes.find(({ from, to }) => entry.previousCommit >= from && entry.previousCommit <= to)
    // What the snapshot holds is not lost.
    if (hole !== undefined && entry.previousCommit >= fromCommit)
      this.#evidence.loseMetadata(`commits ${hole.from} to ${hole.to} (${hole.reason})`)
    if (table.get(0) !== undefined) table.apply(0, entry)
    const bytes = await this.#payload(segment, entry)
    if (bytes === undefined) {
      this.#loseOwn(segment, entry)
      return
    }
    if (entry.kind === FRAME_METADATA) {
      const place = `${segment.path}: commit ${entry.commit} at offset ${entry.offset}`
      takeMetadata(place, () => metadata.apply(entry.commit, bytes))
    } else if (entry.kind === FRAME_TRIM) {
      for (const { ledger, beforeMs } of decodeTrim(bytes)) {
        const state = table.get(ledger)
        if (state !== undefined) table.raiseFloor(state, beforeMs)
      }
    } else if (entry.kind === FRAME_DROP) {
      // The log's own is never dropped, whatever stands there.
      for (const ledger of decodeDrop(bytes)) if (ledger !== 0) table.delete(ledger)
    }
  }

  #loseOwn(segment: Segment, entry: IndexEntry): void {
    this.#evidence.loseMetadata(`commit ${entry.commit} (${segment.path} at ${entry.offset})`)
  }

  async #entries(segment: Segment, ledger: number, fromCommit: number): Promise<readonly IndexEntry[]> {
    return await this.#look(segment, (index) => index.collect(queryAll(ledger, fromCommit)))
  }

  /** An index that is wrong behind its summary is built from the segment, and written again later. */
  async #look<T>(segment: Segment, query: (index: SegmentIndex) => Promise<T> | T): Promise<T> {
    try {
      return await query(segment.index)
    } catch (error) {
      if (!(error instanceof IndexDamagedError)) throw error
      this.#evidence.report(error.message)
      await this.#options.loader.walkAgain(segment)
      return await query(segment.index)
    }
  }

  async #payload(segment: Segment, entry: IndexEntry): Promise<Uint8Array | undefined> {
    if (!segment.holds(entry)) return undefined
    const { offset } = entry
    const file = await this.#options.disk.open(segment.path)
    try {
      const bytes = new Uint8Array(entry.bytes)
      const read = await file.read(bytes, offset).catch((error: unknown) => readAround(error, file, bytes, offset))
      return read === entry.bytes && crc32(bytes) === entry.crc ? bytes : undefined
    } finally {
      await file.close()
    }
  }
}

/** What the log's user cannot take, of a later version perhaps, is told with the `place` where it stands. */
export function takeMetadata(place: string, take: () => void): void {
  try {
    take()
  } catch (error) {
    throw new LogError('damaged', `${place}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
