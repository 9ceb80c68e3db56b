/**
 * The index of a segment in memory: one row of plain numbers per frame, and per ledger the list of its rows. Only durable
 * frames are added, so what stands here may be shown.
 *
 * Rows, not columns: who asks for a ledger's frames meets each of them somewhere else, and misses the processor's caches
 * once or twice for one instead of nine times (bench: `wide`).
 *
 * About 50 bytes a frame; a 64 MiB segment of 4 KiB commits with one frame each takes 0.8 MiB.
 */
import type { Ledger } from './api.ts'
import type { FrameEntry } from './format/commit-format.ts'
import {
  bytesAskedFor,
  type IndexEntry,
  type IndexQuery,
  isReached,
  lowerBound,
  recordsAskedFor,
  type SegmentIndex,
} from './segment-index.ts'

/** Most segments of a short life hold no more. */
const ROWS_AT_FIRST = 8
/** commit · previous commit · time as doubles, then offset · bytes · checksum · records, kind and codec as words of 32 bits. */
const ROW_BYTES = 40
const ROW_DOUBLES = ROW_BYTES / 8
const ROW_WORDS = ROW_BYTES / 4
const KIND_SHIFT = 16
const CODEC_SHIFT = 24
const NO_ROWS: readonly number[] = []

export class MemoryIndex implements SegmentIndex {
  #rows = 0
  /** The same memory twice. */
  #doubles = new Float64Array(ROWS_AT_FIRST * ROW_DOUBLES)
  #words = new Uint32Array(this.#doubles.buffer)
  readonly #byLedger = new Map<Ledger, number[]>()
  #minTimeMs = Number.POSITIVE_INFINITY
  #maxTimeMs = 0

  get entries(): number {
    return this.#rows
  }

  /** Infinity while empty. */
  get minTimeMs(): number {
    return this.#minTimeMs
  }

  get maxTimeMs(): number {
    return this.#maxTimeMs
  }

  get ledgerCount(): number {
    return this.#byLedger.size
  }

  /** `commitOffset`: where the frame's commit starts in the segment file. */
  add(frame: FrameEntry, commitOffset: number): void {
    const row = this.#rows
    const double = row * ROW_DOUBLES
    if (double === this.#doubles.length) this.#grow()
    this.#doubles[double] = frame.commit
    this.#doubles[double + 1] = frame.previousCommit
    this.#doubles[double + 2] = frame.timeMs
    const word = row * ROW_WORDS
    this.#words[word + 6] = commitOffset + frame.payloadOffset
    this.#words[word + 7] = frame.payloadBytes
    this.#words[word + 8] = frame.payloadCrc
    this.#words[word + 9] = frame.records | (frame.kind << KIND_SHIFT) | (frame.codec << CODEC_SHIFT)
    this.#rows++
    const rows = this.#byLedger.get(frame.ledger)
    // Most ledgers have few frames in a segment, and a typed array for each takes more than its rows (bench: `wide`).
    if (rows === undefined) this.#byLedger.set(frame.ledger, [row])
    else rows.push(row)
    if (frame.timeMs < this.#minTimeMs) this.#minTimeMs = frame.timeMs
    if (frame.timeMs > this.#maxTimeMs) this.#maxTimeMs = frame.timeMs
  }

  has(ledger: Ledger): boolean {
    return this.#byLedger.has(ledger)
  }

  ledgers(): readonly Ledger[] {
    return [...this.#byLedger.keys()].sort((a, b) => a - b)
  }

  /** The rows in which a ledger's entries stand, in order. */
  rowsOf(ledger: Ledger): readonly number[] {
    return this.#byLedger.get(ledger) ?? NO_ROWS
  }

  last(ledger: Ledger): IndexEntry | undefined {
    const row = this.rowsOf(ledger).at(-1)
    return row === undefined ? undefined : this.entryAt(row)
  }

  collect(query: IndexQuery): readonly IndexEntry[] {
    const rows = this.rowsOf(query.ledger)
    const { length } = rows
    const start = lowerBound(0, length, (ordinal) => {
      const { commit, records, timeMs } = this.entryAt(at(rows, ordinal))
      return isReached(query, commit, records, timeMs)
    })
    const found: IndexEntry[] = []
    let records = 0
    let bytes = 0
    for (let ordinal = start; ordinal < length && records < query.recordsMax && bytes < query.bytesMax; ordinal++) {
      const entry = this.entryAt(at(rows, ordinal))
      found.push(entry)
      records += recordsAskedFor(query, entry)
      bytes += bytesAskedFor(query, entry)
    }
    return found
  }

  entryAt(row: number): IndexEntry {
    const double = row * ROW_DOUBLES
    const word = row * ROW_WORDS
    const packed = at(this.#words, word + 9)
    return {
      kind: (packed >>> KIND_SHIFT) & 0xff,
      codec: packed >>> CODEC_SHIFT,
      records: packed & 0xffff,
      commit: at(this.#doubles, double),
      previousCommit: at(this.#doubles, double + 1),
      timeMs: at(this.#doubles, double + 2),
      offset: at(this.#words, word + 6),
      bytes: at(this.#words, word + 7),
      crc: at(this.#words, word + 8),
    }
  }

  #grow(): void {
    const grown = new Float64Array(this.#doubles.length * 2)
    grown.set(this.#doubles)
    this.#doubles = grown
    this.#words = new Uint32Array(grown.buffer)
  }
}

function at(column: { readonly [index: number]: number | undefined }, index: number): number {
  return column[index] as number
}
