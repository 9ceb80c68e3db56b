/**
 * Pages of an index file. Every page is 4 KiB and ends with its checksum. Page 0 is the summary; then the presence
 * bitmap, the directory of ledgers (ascending), the entries (by ledger, then commit), the damaged ranges.
 * Byte by byte in docs/formats/index.md.
 */
import { PAGE_BYTES } from '../limits.ts'
import type { IndexEntry } from '../segment-index.ts'
import { getUint48, getUint64, setUint48, setUint64, viewOf } from './bytes.ts'
import { crc32 } from './crc32.ts'
import { LOG_ID_BYTES } from './segment-header.ts'

export const INDEX_VERSION = 1
const MAGIC = 0x5844_4952_4c4c_494dn // "MILLRIDX" read as a little-endian number.
const OFFSET_CRC = PAGE_BYTES - 4
/** What a page holds beside its checksum. */
export const PAGE_BODY_BYTES = OFFSET_CRC

export const DIRECTORY_ENTRY_BYTES = 12
export const DIRECTORY_ENTRIES_PER_PAGE = Math.floor(PAGE_BODY_BYTES / DIRECTORY_ENTRY_BYTES)
export const INDEX_ENTRY_BYTES = 36
export const INDEX_ENTRIES_PER_PAGE = Math.floor(PAGE_BODY_BYTES / INDEX_ENTRY_BYTES)
export const DAMAGE_BYTES = 24
export const DAMAGE_PER_PAGE = Math.floor(PAGE_BODY_BYTES / DAMAGE_BYTES)

/** What start-up reads of a sealed segment. */
export interface SegmentSummary {
  readonly logId: Uint8Array
  readonly number: number
  readonly salt: bigint
  readonly firstCommit: number
  readonly lastCommit: number
  /** Header checksum of the commit before the first … */
  readonly previousCrc: number
  /** … and of the last. */
  readonly lastCrc: number
  readonly lastEpoch: number
  /** Times of frames; both 0 where there is none. */
  readonly minTimeMs: number
  readonly maxTimeMs: number
  readonly entries: number
  readonly ledgers: number
  readonly damages: number
  /** The ledger of the bitmap's first bit. */
  readonly bitmapBase: number
  readonly bitmapBytes: number
  /** Where the last commit ends in the segment file. */
  readonly usedBytes: number
}

/** Commits of a segment that cannot be read. */
export interface DamagedRange {
  readonly fromCommit: number
  readonly toCommit: number
  readonly offset: number
}

export interface IndexLayout {
  readonly bitmapPage: number
  readonly directoryPage: number
  readonly entryPage: number
  readonly damagePage: number
  readonly pages: number
}

export function layoutOf(
  summary: Pick<SegmentSummary, 'bitmapBytes' | 'ledgers' | 'entries' | 'damages'>,
): IndexLayout {
  const bitmapPage = 1
  const directoryPage = bitmapPage + Math.ceil(summary.bitmapBytes / PAGE_BODY_BYTES)
  const entryPage = directoryPage + Math.ceil(summary.ledgers / DIRECTORY_ENTRIES_PER_PAGE)
  const damagePage = entryPage + Math.ceil(summary.entries / INDEX_ENTRIES_PER_PAGE)
  return {
    bitmapPage,
    directoryPage,
    entryPage,
    damagePage,
    pages: damagePage + Math.ceil(summary.damages / DAMAGE_PER_PAGE),
  }
}

export function sealPage(page: Uint8Array): void {
  viewOf(page).setUint32(OFFSET_CRC, crc32(page, 0, OFFSET_CRC), true)
}

export function isPageValid(page: Uint8Array): boolean {
  return page.length === PAGE_BYTES && crc32(page, 0, OFFSET_CRC) === viewOf(page).getUint32(OFFSET_CRC, true)
}

export function encodeSummary(summary: SegmentSummary, page: Uint8Array): void {
  const view = viewOf(page)
  view.setBigUint64(0, MAGIC, true)
  view.setUint16(8, INDEX_VERSION, true)
  view.setUint32(12, summary.number, true)
  page.set(summary.logId, 16)
  view.setBigUint64(32, summary.salt, true)
  setUint64(view, 40, summary.firstCommit)
  setUint64(view, 48, summary.lastCommit)
  view.setUint32(56, summary.previousCrc, true)
  view.setUint32(60, summary.lastCrc, true)
  view.setUint32(64, summary.lastEpoch, true)
  view.setUint32(68, summary.usedBytes, true)
  setUint64(view, 72, summary.minTimeMs)
  setUint64(view, 80, summary.maxTimeMs)
  view.setUint32(88, summary.entries, true)
  view.setUint32(92, summary.ledgers, true)
  view.setUint32(96, summary.damages, true)
  view.setUint32(100, summary.bitmapBase, true)
  view.setUint32(104, summary.bitmapBytes, true)
  sealPage(page)
}

/** `undefined` unless the page is whole and of this version: an index can always be built again. */
export function decodeSummary(page: Uint8Array): SegmentSummary | undefined {
  if (!isPageValid(page)) return undefined
  const view = viewOf(page)
  if (view.getBigUint64(0, true) !== MAGIC || view.getUint16(8, true) !== INDEX_VERSION) return undefined
  return {
    number: view.getUint32(12, true),
    logId: page.slice(16, 16 + LOG_ID_BYTES),
    salt: view.getBigUint64(32, true),
    firstCommit: getUint64(view, 40),
    lastCommit: getUint64(view, 48),
    previousCrc: view.getUint32(56, true),
    lastCrc: view.getUint32(60, true),
    lastEpoch: view.getUint32(64, true),
    usedBytes: view.getUint32(68, true),
    minTimeMs: getUint64(view, 72),
    maxTimeMs: getUint64(view, 80),
    entries: view.getUint32(88, true),
    ledgers: view.getUint32(92, true),
    damages: view.getUint32(96, true),
    bitmapBase: view.getUint32(100, true),
    bitmapBytes: view.getUint32(104, true),
  }
}

export function encodeIndexEntry(entry: IndexEntry, view: DataView, at: number): void {
  setUint48(view, at, entry.commit)
  view.setUint16(at + 6, entry.records, true)
  setUint48(view, at + 8, entry.previousCommit)
  view.setUint8(at + 14, entry.kind)
  view.setUint8(at + 15, entry.codec)
  setUint64(view, at + 16, entry.timeMs)
  view.setUint32(at + 24, entry.offset, true)
  view.setUint32(at + 28, entry.bytes, true)
  view.setUint32(at + 32, entry.crc, true)
}

export function decodeIndexEntry(view: DataView, at: number): IndexEntry {
  return {
    commit: getUint48(view, at),
    records: view.getUint16(at + 6, true),
    previousCommit: getUint48(view, at + 8),
    kind: view.getUint8(at + 14),
    codec: view.getUint8(at + 15),
    timeMs: getUint64(view, at + 16),
    offset: view.getUint32(at + 24, true),
    bytes: view.getUint32(at + 28, true),
    crc: view.getUint32(at + 32, true),
  }
}

export function encodeDamage(damage: DamagedRange, view: DataView, at: number): void {
  setUint64(view, at, damage.fromCommit)
  setUint64(view, at + 8, damage.toCommit)
  setUint64(view, at + 16, damage.offset)
}

export function decodeDamage(view: DataView, at: number): DamagedRange {
  return { fromCommit: getUint64(view, at), toCommit: getUint64(view, at + 8), offset: getUint64(view, at + 16) }
}
