/**
 * The index of a sealed segment, read from its sorted index file through the page cache. In memory stay the summary
 * and the presence bitmap: 1.4 KiB a segment with 10,000 ledgers.
 */
import type { Ledger } from './api.ts'
import { viewOf } from './format/bytes.ts'
import {
  decodeIndexEntry,
  DIRECTORY_ENTRIES_PER_PAGE,
  DIRECTORY_ENTRY_BYTES,
  INDEX_ENTRIES_PER_PAGE,
  INDEX_ENTRY_BYTES,
  type IndexLayout,
  layoutOf,
  type SegmentSummary,
} from './format/index-format.ts'
import { PAGE_BYTES } from './limits.ts'
import type { PageCache } from './page-cache.ts'
import {
  bytesAskedFor,
  type IndexEntry,
  type IndexQuery,
  isReached,
  recordsAskedFor,
  type SegmentIndex,
} from './segment-index.ts'

interface Span {
  readonly firstEntry: number
  readonly count: number
}

export class FileIndex implements SegmentIndex {
  readonly summary: SegmentSummary
  readonly #path: string
  readonly #bitmap: Uint8Array
  readonly #layout: IndexLayout
  readonly #pages: PageCache

  constructor(path: string, summary: SegmentSummary, bitmap: Uint8Array, pages: PageCache) {
    this.summary = summary
    this.#path = path
    this.#bitmap = bitmap
    this.#layout = layoutOf(summary)
    this.#pages = pages
  }

  get bytes(): number {
    return this.#layout.pages * PAGE_BYTES
  }

  /** May be wrong only in saying yes. */
  has(ledger: Ledger): boolean {
    if (ledger === 0 || this.#bitmap.length === 0) return this.summary.ledgers > 0
    const bit = ledger - this.summary.bitmapBase
    if (bit < 0 || bit >= this.#bitmap.length * 8) return false
    return (((this.#bitmap[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 1
  }

  async collect(query: IndexQuery): Promise<readonly IndexEntry[]> {
    const span = await this.#span(query.ledger)
    if (span === undefined) return []
    let low = 0
    let high = span.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = await this.#entry(span.firstEntry + middle)
      if (isReached(query, entry.commit, entry.records, entry.timeMs)) high = middle
      else low = middle + 1
    }
    const found: IndexEntry[] = []
    let records = 0
    let bytes = 0
    for (let ordinal = low; ordinal < span.count && records < query.recordsMax && bytes < query.bytesMax; ordinal++) {
      const number = span.firstEntry + ordinal
      const entry = this.#peekEntry(number) ?? (await this.#entry(number))
      found.push(entry)
      records += recordsAskedFor(query, entry)
      bytes += bytesAskedFor(query, entry)
    }
    return found
  }

  async last(ledger: Ledger): Promise<IndexEntry | undefined> {
    const span = await this.#span(ledger)
    return span === undefined ? undefined : await this.#entry(span.firstEntry + span.count - 1)
  }

  /** Read from the directory, page by page. */
  async ledgers(): Promise<readonly Ledger[]> {
    const found: Ledger[] = []
    for (let page = this.#layout.directoryPage; page < this.#layout.entryPage; page++) {
      const view = viewOf(await this.#page(page))
      for (let slot = 0; slot < DIRECTORY_ENTRIES_PER_PAGE && found.length < this.summary.ledgers; slot++) {
        found.push(view.getUint32(slot * DIRECTORY_ENTRY_BYTES, true))
      }
    }
    return found
  }

  async #span(ledger: Ledger): Promise<Span | undefined> {
    let low = 0
    let high = this.summary.ledgers
    while (low < high) {
      const middle = (low + high) >>> 1
      const page = this.#layout.directoryPage + Math.floor(middle / DIRECTORY_ENTRIES_PER_PAGE)
      const view = viewOf(this.#pages.peek(this.summary.number, page) ?? (await this.#page(page)))
      const at = (middle % DIRECTORY_ENTRIES_PER_PAGE) * DIRECTORY_ENTRY_BYTES
      const found = view.getUint32(at, true)
      if (found === ledger) {
        return { firstEntry: view.getUint32(at + 4, true), count: view.getUint32(at + 8, true) }
      }
      if (found < ledger) low = middle + 1
      else high = middle
    }
    return undefined
  }

  #peekEntry(number: number): IndexEntry | undefined {
    const page = this.#pages.peek(this.summary.number, this.#pageOf(number))
    return page === undefined ? undefined : decodeIndexEntry(viewOf(page), slotOf(number))
  }

  async #entry(number: number): Promise<IndexEntry> {
    return this.#peekEntry(number) ?? decodeIndexEntry(viewOf(await this.#page(this.#pageOf(number))), slotOf(number))
  }

  #pageOf(entry: number): number {
    return this.#layout.entryPage + Math.floor(entry / INDEX_ENTRIES_PER_PAGE)
  }

  #page(page: number): Promise<Uint8Array> {
    return this.#pages.get(this.summary.number, this.#path, page)
  }
}

function slotOf(entry: number): number {
  return (entry % INDEX_ENTRIES_PER_PAGE) * INDEX_ENTRY_BYTES
}
