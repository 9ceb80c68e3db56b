/**
 * The index of a segment in memory: one row per frame in columns of plain numbers, and per ledger the list of its
 * rows. Only durable frames are added, so what stands here may be shown.
 *
 * About 50 bytes a frame; a 64 MiB segment of 4 KiB commits with one frame each takes 0.8 MiB.
 */
import type { Ledger } from './api.ts'
import type { FrameEntry } from './format/commit-format.ts'
import {
  type IndexEntry,
  type IndexQuery,
  isReached,
  lowerBound,
  recordsAskedFor,
  type SegmentIndex,
} from './segment-index.ts'

/** So few that no column needs memory outside of the heap (64 bytes): most segments of a short life hold no more. */
const ROWS_AT_FIRST = 8

export class MemoryIndex implements SegmentIndex {
  #rows = 0
  #commits = new Float64Array(ROWS_AT_FIRST)
  #previous = new Float64Array(ROWS_AT_FIRST)
  #times = new Float64Array(ROWS_AT_FIRST)
  #offsets = new Uint32Array(ROWS_AT_FIRST)
  #bytes = new Uint32Array(ROWS_AT_FIRST)
  #crcs = new Uint32Array(ROWS_AT_FIRST)
  #records = new Uint16Array(ROWS_AT_FIRST)
  #kinds = new Uint8Array(ROWS_AT_FIRST)
  #codecs = new Uint8Array(ROWS_AT_FIRST)
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
    if (row === this.#commits.length) this.#grow()
    this.#commits[row] = frame.commit
    this.#previous[row] = frame.previousCommit
    this.#times[row] = frame.timeMs
    this.#offsets[row] = commitOffset + frame.payloadOffset
    this.#bytes[row] = frame.payloadBytes
    this.#crcs[row] = frame.payloadCrc
    this.#records[row] = frame.records
    this.#kinds[row] = frame.kind
    this.#codecs[row] = frame.codec
    this.#rows = row + 1
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

  /** How many entries a ledger has here. */
  countOf(ledger: Ledger): number {
    return this.#byLedger.get(ledger)?.length ?? 0
  }

  /** Entry number `ordinal` of a ledger, from 0. */
  entryOf(ledger: Ledger, ordinal: number): IndexEntry | undefined {
    const rows = this.#byLedger.get(ledger)
    return rows === undefined || ordinal >= rows.length ? undefined : this.#entry(at(rows, ordinal))
  }

  last(ledger: Ledger): IndexEntry | undefined {
    return this.entryOf(ledger, this.countOf(ledger) - 1)
  }

  collect(query: IndexQuery): readonly IndexEntry[] {
    const rows = this.#byLedger.get(query.ledger)
    if (rows === undefined) return []
    const { length } = rows
    const start = lowerBound(0, length, (ordinal) => {
      const row = at(rows, ordinal)
      return isReached(query, at(this.#commits, row), at(this.#records, row), at(this.#times, row))
    })
    const found: IndexEntry[] = []
    let records = 0
    let bytes = 0
    for (let ordinal = start; ordinal < length && records < query.recordsMax && bytes < query.bytesMax; ordinal++) {
      const entry = this.#entry(at(rows, ordinal))
      found.push(entry)
      records += recordsAskedFor(query, entry)
      bytes += entry.bytes
    }
    return found
  }

  #entry(row: number): IndexEntry {
    return {
      kind: at(this.#kinds, row),
      codec: at(this.#codecs, row),
      records: at(this.#records, row),
      commit: at(this.#commits, row),
      previousCommit: at(this.#previous, row),
      timeMs: at(this.#times, row),
      offset: at(this.#offsets, row),
      bytes: at(this.#bytes, row),
      crc: at(this.#crcs, row),
    }
  }

  #grow(): void {
    const rows = this.#rows * 2
    this.#commits = grown(this.#commits, new Float64Array(rows))
    this.#previous = grown(this.#previous, new Float64Array(rows))
    this.#times = grown(this.#times, new Float64Array(rows))
    this.#offsets = grown(this.#offsets, new Uint32Array(rows))
    this.#bytes = grown(this.#bytes, new Uint32Array(rows))
    this.#crcs = grown(this.#crcs, new Uint32Array(rows))
    this.#records = grown(this.#records, new Uint16Array(rows))
    this.#kinds = grown(this.#kinds, new Uint8Array(rows))
    this.#codecs = grown(this.#codecs, new Uint8Array(rows))
  }
}

function at(column: { readonly [index: number]: number | undefined }, index: number): number {
  return column[index] as number
}

function grown<T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
