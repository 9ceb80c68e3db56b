/**
 * Writes the index file of a sealed segment, and reads its summary at start-up. The file is derived: whenever it is
 * missing or wrong it is written again from the segment.
 */
import { assert } from '@millrace/std'
import type { Ledger } from './api.ts'
import type { Disk, DiskFile } from './disk.ts'
import { viewOf } from './format/bytes.ts'
import {
  DAMAGE_BYTES,
  DAMAGE_PER_PAGE,
  type DamagedRange,
  decodeDamage,
  decodeSummary,
  DIRECTORY_ENTRIES_PER_PAGE,
  DIRECTORY_ENTRY_BYTES,
  encodeDamage,
  encodeIndexEntry,
  encodeSummary,
  INDEX_ENTRIES_PER_PAGE,
  INDEX_ENTRY_BYTES,
  isPageValid,
  layoutOf,
  PAGE_BODY_BYTES,
  sealPage,
  type SegmentSummary,
} from './format/index-format.ts'
import { PAGE_BYTES } from './limits.ts'
import type { MemoryIndex } from './memory-index.ts'
import { readAround } from './refused-read.ts'

/** Pages written with one call; the event loop gets its turn between two. */
const PAGES_PER_WRITE = 64
/** 128 KiB of bitmap. */
const BITMAP_LEDGERS_MAX = 1 << 20

/** The known ends of a segment, which its index does not see. */
export type SegmentEnds = Pick<
  SegmentSummary,
  'logId' | 'number' | 'salt' | 'firstCommit' | 'lastCommit' | 'previousCrc' | 'lastCrc' | 'lastEpoch' | 'usedBytes'
>

export interface LoadedIndex {
  readonly summary: SegmentSummary
  readonly bitmap: Uint8Array
  readonly damages: readonly DamagedRange[]
}

/** Writes beside and renames, so that a file of this name is whole or rotten, never half written. */
export async function writeIndexFile(
  disk: Disk,
  path: string,
  ends: SegmentEnds,
  index: MemoryIndex,
  damages: readonly DamagedRange[],
): Promise<{ readonly summary: SegmentSummary; readonly bitmap: Uint8Array }> {
  const ledgers = index.ledgers()
  const bitmap = bitmapOf(ledgers)
  const summary: SegmentSummary = {
    ...ends,
    minTimeMs: index.entries === 0 ? 0 : index.minTimeMs,
    maxTimeMs: index.maxTimeMs,
    entries: index.entries,
    ledgers: ledgers.length,
    damages: damages.length,
    bitmapBase: bitmap.base,
    bitmapBytes: bitmap.bits.length,
  }
  const temporary = `${path}.tmp`
  if (await disk.exists(temporary)) await disk.remove(temporary)
  const file = await disk.create(temporary)
  try {
    await writePages(file, layoutOf(summary).pages, pages(summary, bitmap.bits, ledgers, index, damages))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
  return { summary, bitmap: bitmap.bits }
}

/** Summary, bitmap and damages of an index file; `undefined` if there is none that is whole and can be read. */
export async function loadIndexFile(disk: Disk, path: string): Promise<LoadedIndex | undefined> {
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path)
  try {
    // The summary, and for up to 32,000 neighbouring ledgers the bitmap too.
    const head = new Uint8Array(2 * PAGE_BYTES)
    const headBytes = await file.read(head, 0).catch((error: unknown) => readAround(error, file, head, 0))
    const summary = headBytes >= PAGE_BYTES ? decodeSummary(head.subarray(0, PAGE_BYTES)) : undefined
    if (summary === undefined) return undefined
    const layout = layoutOf(summary)
    if ((await file.size()) !== layout.pages * PAGE_BYTES) return undefined
    const bitmap = new Uint8Array(summary.bitmapBytes)
    for (let page = layout.bitmapPage; page < layout.directoryPage; page++) {
      const bytes = page === 1 ? head.subarray(PAGE_BYTES) : await readPage(file, page)
      if (!isPageValid(bytes)) return undefined
      const at = (page - layout.bitmapPage) * PAGE_BODY_BYTES
      bitmap.set(bytes.subarray(0, Math.min(PAGE_BODY_BYTES, bitmap.length - at)), at)
    }
    const damages: DamagedRange[] = []
    for (let page = layout.damagePage; page < layout.pages; page++) {
      const bytes = await readPage(file, page)
      if (!isPageValid(bytes)) return undefined
      const view = viewOf(bytes)
      for (let slot = 0; slot < DAMAGE_PER_PAGE && damages.length < summary.damages; slot++) {
        damages.push(decodeDamage(view, slot * DAMAGE_BYTES))
      }
    }
    return { summary, bitmap, damages }
  } finally {
    await file.close()
  }
}

async function readPage(file: DiskFile, page: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(PAGE_BYTES)
  const offset = page * PAGE_BYTES
  await file.read(bytes, offset).catch((error: unknown) => readAround(error, file, bytes, offset))
  return bytes
}

async function writePages(file: DiskFile, count: number, source: Iterable<Uint8Array>): Promise<void> {
  let filled = 0
  let offset = 0
  // As large as what is left, so that the last one is full too.
  const nextBuffer = (): Uint8Array =>
    new Uint8Array(Math.min(PAGES_PER_WRITE, count - offset / PAGE_BYTES) * PAGE_BYTES)
  let buffer = nextBuffer()
  for (const page of source) {
    buffer.set(page, filled)
    filled += PAGE_BYTES
    if (filled === buffer.length) {
      await file.write(buffer, offset)
      offset += filled
      filled = 0
      buffer = nextBuffer()
    }
  }
}

function* pages(
  summary: SegmentSummary,
  bitmap: Uint8Array,
  ledgers: readonly Ledger[],
  index: MemoryIndex,
  damages: readonly DamagedRange[],
): Generator<Uint8Array> {
  const first = new Uint8Array(PAGE_BYTES)
  encodeSummary(summary, first)
  yield first
  for (let at = 0; at < bitmap.length; at += PAGE_BODY_BYTES) {
    const page = new Uint8Array(PAGE_BYTES)
    page.set(bitmap.subarray(at, at + PAGE_BODY_BYTES))
    sealPage(page)
    yield page
  }
  yield* slots(ledgers.length, DIRECTORY_ENTRIES_PER_PAGE, DIRECTORY_ENTRY_BYTES, directoryWriter(ledgers, index))
  yield* slots(index.entries, INDEX_ENTRIES_PER_PAGE, INDEX_ENTRY_BYTES, entryWriter(ledgers, index))
  yield* slots(damages.length, DAMAGE_PER_PAGE, DAMAGE_BYTES, (item, view, at) => {
    const damage = damages[item]
    if (damage !== undefined) encodeDamage(damage, view, at)
  })
}

/** Writes item number `item` at `at`; called for each in turn. One function for all of them: a full segment of many ledgers has 300,000 (bench: `wide`). */
type SlotWriter = (item: number, view: DataView, at: number) => void

function* slots(count: number, perPage: number, slotBytes: number, write: SlotWriter): Generator<Uint8Array> {
  for (let first = 0; first < count; first += perPage) {
    const page = new Uint8Array(PAGE_BYTES)
    const view = viewOf(page)
    const end = Math.min(count, first + perPage)
    for (let item = first; item < end; item++) write(item, view, (item - first) * slotBytes)
    sealPage(page)
    yield page
  }
}

function directoryWriter(ledgers: readonly Ledger[], index: MemoryIndex): SlotWriter {
  let firstEntry = 0
  return (item, view, at) => {
    const ledger = ledgers[item] ?? 0
    const count = index.rowsOf(ledger).length
    view.setUint32(at, ledger, true)
    view.setUint32(at + 4, firstEntry, true)
    view.setUint32(at + 8, count, true)
    firstEntry += count
  }
}

function entryWriter(ledgers: readonly Ledger[], index: MemoryIndex): SlotWriter {
  let place = 0
  let rows: readonly number[] = []
  let ordinal = 0
  return (_, view, at) => {
    if (ordinal === rows.length) {
      rows = index.rowsOf(ledgers[place++] ?? 0)
      ordinal = 0
    }
    const row = rows[ordinal++]
    assert(row !== undefined, 'a ledger that is listed has entries, and all of them together are counted')
    encodeIndexEntry(index.entryAt(row), view, at)
  }
}

/**
 * One bit per ledger from the lowest to the highest present, ledger 0 aside. Empty when the span is too wide for that
 * to be small: then the directory is asked instead.
 */
function bitmapOf(ledgers: readonly Ledger[]): { readonly base: Ledger; readonly bits: Uint8Array } {
  const own = ledgers[0] === 0 ? ledgers.slice(1) : ledgers
  const base = own[0] ?? 0
  const top = own.at(-1) ?? 0
  if (own.length === 0 || top - base >= BITMAP_LEDGERS_MAX) return { base, bits: new Uint8Array(0) }
  const bits = new Uint8Array(((top - base) >>> 3) + 1)
  for (const ledger of own) {
    const bit = ledger - base
    bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7))
  }
  return { base, bits }
}
