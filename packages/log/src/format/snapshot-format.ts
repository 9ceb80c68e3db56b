/**
 * A snapshot: the ledger table, the freed and the regrouped segments and the user's metadata as of one commit, so that
 * segments below may go and opening replays little. One header page, then four sections, each with its checksum there.
 * Byte by byte in docs/formats/snapshot.md.
 */
import { PAGE_BYTES } from '../limits.ts'
import { type LedgerState, openedLedger } from '../ledger-table.ts'
import { getUint48, getUint64, setUint48, setUint64, viewOf } from './bytes.ts'
import { type FreedSegment, getGrouped, GROUPED_BYTES, type GroupedSegment, setGrouped } from './control-format.ts'
import { crc32 } from './crc32.ts'
import { LOG_ID_BYTES } from './segment-header.ts'

/** Version 1 knew no regrouped segments: it has three sections. */
export const SNAPSHOT_VERSION = 2
const VERSION_WITHOUT_GROUPED = 1
const MAGIC = 0x504e_5352_4c4c_494dn // "MILLRSNP" read as a little-endian number.
const OFFSET_CRC = PAGE_BYTES - 4
const LEDGER_BYTES = 64
const FREED_BYTES = 24
/** Closed time of an open ledger: no time. */
const NOT_CLOSED = 2 ** 48 - 1

/** A run of neighbouring segments that are gone on purpose. */
export interface FreedRange {
  readonly firstNumber: number
  readonly lastNumber: number
  readonly firstCommit: number
  readonly lastCommit: number
}

export interface Snapshot {
  readonly logId: Uint8Array
  /** Everything up to this commit is in here, and was durable. */
  readonly commit: number
  readonly epoch: number
  readonly createdMs: number
  readonly ledgers: readonly LedgerState[]
  readonly freed: readonly FreedRange[]
  readonly grouped: readonly GroupedSegment[]
  readonly metadata: Uint8Array
}

export type DecodedSnapshot =
  | { readonly kind: 'ok'; readonly snapshot: Snapshot }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'invalid' }

export interface SnapshotSource extends Omit<Snapshot, 'ledgers'> {
  readonly ledgers: Iterable<LedgerState>
  readonly ledgerCount: number
}

/** Must be called and finish in one go: it is the state of one moment. */
export function encodeSnapshot(source: SnapshotSource): Uint8Array {
  const ledgersAt = PAGE_BYTES
  const freedAt = ledgersAt + source.ledgerCount * LEDGER_BYTES
  const groupedAt = freedAt + source.freed.length * FREED_BYTES
  const metadataAt = groupedAt + source.grouped.length * GROUPED_BYTES
  const bytes = new Uint8Array(metadataAt + source.metadata.length)
  const view = viewOf(bytes)
  let at = ledgersAt
  for (const state of source.ledgers) {
    encodeLedger(state, view, at)
    at += LEDGER_BYTES
  }
  at = freedAt
  for (const range of source.freed) {
    view.setUint32(at, range.firstNumber, true)
    view.setUint32(at + 4, range.lastNumber, true)
    setUint64(view, at + 8, range.firstCommit)
    setUint64(view, at + 16, range.lastCommit)
    at += FREED_BYTES
  }
  for (const [index, grouped] of source.grouped.entries()) setGrouped(view, groupedAt + index * GROUPED_BYTES, grouped)
  bytes.set(source.metadata, metadataAt)

  view.setBigUint64(0, MAGIC, true)
  view.setUint16(8, SNAPSHOT_VERSION, true)
  bytes.set(source.logId, 16)
  setUint64(view, 32, source.commit)
  setUint64(view, 40, source.createdMs)
  view.setUint32(48, source.epoch, true)
  view.setUint32(52, source.ledgerCount, true)
  view.setUint32(56, source.freed.length, true)
  view.setUint32(60, source.metadata.length, true)
  view.setUint32(64, crc32(bytes, ledgersAt, freedAt), true)
  view.setUint32(68, crc32(bytes, freedAt, groupedAt), true)
  view.setUint32(72, crc32(bytes, metadataAt, bytes.length), true)
  view.setUint32(76, source.grouped.length, true)
  view.setUint32(80, crc32(bytes, groupedAt, metadataAt), true)
  view.setUint32(OFFSET_CRC, crc32(bytes, 0, OFFSET_CRC), true)
  return bytes
}

export function decodeSnapshot(bytes: Uint8Array): DecodedSnapshot {
  if (bytes.length < PAGE_BYTES) return { kind: 'invalid' }
  const view = viewOf(bytes)
  if (view.getBigUint64(0, true) !== MAGIC) return { kind: 'invalid' }
  if (crc32(bytes, 0, OFFSET_CRC) !== view.getUint32(OFFSET_CRC, true)) return { kind: 'invalid' }
  const version = view.getUint16(8, true)
  if (version > SNAPSHOT_VERSION || version < VERSION_WITHOUT_GROUPED) return { kind: 'newer', version }
  const ledgerCount = view.getUint32(52, true)
  const freedCount = view.getUint32(56, true)
  const freedAt = PAGE_BYTES + ledgerCount * LEDGER_BYTES
  const groupedAt = freedAt + freedCount * FREED_BYTES
  const groupedCount = version === VERSION_WITHOUT_GROUPED ? 0 : view.getUint32(76, true)
  const metadataAt = groupedAt + groupedCount * GROUPED_BYTES
  const end = metadataAt + view.getUint32(60, true)
  if (
    bytes.length !== end ||
    crc32(bytes, PAGE_BYTES, freedAt) !== view.getUint32(64, true) ||
    crc32(bytes, freedAt, groupedAt) !== view.getUint32(68, true) ||
    (groupedCount > 0 && crc32(bytes, groupedAt, metadataAt) !== view.getUint32(80, true)) ||
    crc32(bytes, metadataAt, end) !== view.getUint32(72, true)
  ) {
    return { kind: 'invalid' }
  }
  const ledgers: LedgerState[] = []
  for (let at = PAGE_BYTES; at < freedAt; at += LEDGER_BYTES) ledgers.push(decodeLedger(view, at))
  const freed: FreedRange[] = []
  for (let at = freedAt; at < groupedAt; at += FREED_BYTES) {
    freed.push({
      firstNumber: view.getUint32(at, true),
      lastNumber: view.getUint32(at + 4, true),
      firstCommit: getUint64(view, at + 8),
      lastCommit: getUint64(view, at + 16),
    })
  }
  const grouped: GroupedSegment[] = []
  for (let at = groupedAt; at < metadataAt; at += GROUPED_BYTES) grouped.push(getGrouped(view, at))
  return {
    kind: 'ok',
    snapshot: {
      logId: bytes.slice(16, 16 + LOG_ID_BYTES),
      commit: getUint64(view, 32),
      createdMs: getUint64(view, 40),
      epoch: view.getUint32(48, true),
      ledgers,
      freed,
      grouped,
      metadata: bytes.slice(metadataAt, end),
    },
  }
}

/** Joins a freed segment to the ranges, merging neighbours; ranges stay in order and few. */
export function addFreed(ranges: readonly FreedRange[], freed: FreedSegment): readonly FreedRange[] {
  const all = [
    ...ranges,
    {
      firstNumber: freed.number,
      lastNumber: freed.number,
      firstCommit: freed.firstCommit,
      lastCommit: freed.lastCommit,
    },
  ].sort((a, b) => a.firstNumber - b.firstNumber)
  const merged: FreedRange[] = []
  for (const range of all) {
    const last = merged.at(-1)
    if (last !== undefined && range.firstNumber <= last.lastNumber + 1) {
      if (range.lastNumber > last.lastNumber) {
        merged[merged.length - 1] = { ...last, lastNumber: range.lastNumber, lastCommit: range.lastCommit }
      }
    } else {
      merged.push(range)
    }
  }
  return merged
}

/** Only the durable half of a ledger's state. */
function encodeLedger(state: LedgerState, view: DataView, at: number): void {
  view.setUint32(at, state.ledger, true)
  view.setUint16(at + 4, state.end.index, true)
  setUint48(view, at + 8, state.openCommit)
  setUint48(view, at + 16, state.end.commit)
  setUint48(view, at + 24, state.durableFrameCommit)
  setUint48(view, at + 32, state.endTimeMs)
  setUint48(view, at + 40, state.durableTimeMs)
  setUint48(view, at + 48, state.closedAtMs ?? NOT_CLOSED)
  setUint48(view, at + 56, state.floorMs)
}

function decodeLedger(view: DataView, at: number): LedgerState {
  const closedAtMs = getUint48(view, at + 48)
  const lastFrameCommit = getUint48(view, at + 24)
  const lastTimeMs = getUint48(view, at + 40)
  return {
    ...openedLedger(view.getUint32(at, true), getUint48(view, at + 8), lastTimeMs),
    end: { commit: getUint48(view, at + 16), index: view.getUint16(at + 4, true) },
    lastFrameCommit,
    durableFrameCommit: lastFrameCommit,
    durableTimeMs: lastTimeMs,
    endTimeMs: getUint48(view, at + 32),
    closedAtMs: closedAtMs === NOT_CLOSED ? undefined : closedAtMs,
    floorMs: getUint48(view, at + 56),
  }
}
