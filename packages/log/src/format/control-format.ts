/**
 * Payloads of the log's own frames in ledger 0: trim floors, drops, freed and regrouped segments. Ten thousand ledgers trimmed at
 * once are 120 KB in one frame. Drawn in docs/formats/commit.md.
 */
import type { TrimFloor } from '../api.ts'
import { getUint64, setUint64, viewOf } from './bytes.ts'

const TRIM_BYTES = 12
const DROP_BYTES = 4
const FREED_BYTES = 20
const REGROUPING_HEAD_BYTES = 8
export const GROUPED_BYTES = 40

export interface FreedSegment {
  readonly number: number
  readonly firstCommit: number
  readonly lastCommit: number
}

/** A segment of frames that once stood in others, as the log knows it beside its file. */
export interface GroupedSegment extends FreedSegment {
  readonly retentionClass: number
  /** Blocks are numbered from 1. */
  readonly blocks: number
  /** Where the last block ends. */
  readonly usedBytes: number
  readonly salt: bigint
}

/** What `inputs` held and is still wanted stands in `outputs`. */
export interface Regrouping {
  readonly inputs: readonly FreedSegment[]
  readonly outputs: readonly GroupedSegment[]
}

export function encodeTrim(floors: readonly TrimFloor[]): Uint8Array {
  const bytes = new Uint8Array(floors.length * TRIM_BYTES)
  const view = viewOf(bytes)
  for (const [index, floor] of floors.entries()) {
    view.setUint32(index * TRIM_BYTES, floor.ledger, true)
    setUint64(view, index * TRIM_BYTES + 4, floor.beforeMs)
  }
  return bytes
}

export function decodeTrim(bytes: Uint8Array): readonly TrimFloor[] {
  const view = viewOf(bytes)
  const floors: TrimFloor[] = []
  for (let at = 0; at + TRIM_BYTES <= bytes.length; at += TRIM_BYTES) {
    floors.push({ ledger: view.getUint32(at, true), beforeMs: getUint64(view, at + 4) })
  }
  return floors
}

export function encodeDrop(ledgers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ledgers.length * DROP_BYTES)
  const view = viewOf(bytes)
  for (const [index, ledger] of ledgers.entries()) view.setUint32(index * DROP_BYTES, ledger, true)
  return bytes
}

export function decodeDrop(bytes: Uint8Array): readonly number[] {
  const view = viewOf(bytes)
  const ledgers: number[] = []
  for (let at = 0; at + DROP_BYTES <= bytes.length; at += DROP_BYTES) ledgers.push(view.getUint32(at, true))
  return ledgers
}

export function encodeFreed(freed: FreedSegment): Uint8Array {
  const bytes = new Uint8Array(FREED_BYTES)
  setFreed(viewOf(bytes), 0, freed)
  return bytes
}

/** `undefined` for bytes of another length. */
export function decodeFreed(bytes: Uint8Array): FreedSegment | undefined {
  return bytes.length === FREED_BYTES ? getFreed(viewOf(bytes), 0) : undefined
}

export function encodeRegrouping({ inputs, outputs }: Regrouping): Uint8Array {
  const outputsAt = REGROUPING_HEAD_BYTES + inputs.length * FREED_BYTES
  const bytes = new Uint8Array(outputsAt + outputs.length * GROUPED_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, inputs.length, true)
  view.setUint32(4, outputs.length, true)
  for (const [index, input] of inputs.entries()) setFreed(view, REGROUPING_HEAD_BYTES + index * FREED_BYTES, input)
  for (const [index, output] of outputs.entries()) setGrouped(view, outputsAt + index * GROUPED_BYTES, output)
  return bytes
}

/** `undefined` unless the counts are those of the bytes. */
export function decodeRegrouping(bytes: Uint8Array): Regrouping | undefined {
  if (bytes.length < REGROUPING_HEAD_BYTES) return undefined
  const view = viewOf(bytes)
  const listsBytes = view.getUint32(0, true) * FREED_BYTES + view.getUint32(4, true) * GROUPED_BYTES
  if (bytes.length !== REGROUPING_HEAD_BYTES + listsBytes) return undefined
  const inputs = Array.from({ length: view.getUint32(0, true) }, (_, index) =>
    getFreed(view, REGROUPING_HEAD_BYTES + index * FREED_BYTES),
  )
  const outputsAt = REGROUPING_HEAD_BYTES + inputs.length * FREED_BYTES
  const outputs = Array.from({ length: view.getUint32(4, true) }, (_, index) =>
    getGrouped(view, outputsAt + index * GROUPED_BYTES),
  )
  return { inputs, outputs }
}

export function setGrouped(view: DataView, at: number, grouped: GroupedSegment): void {
  view.setUint32(at, grouped.number, true)
  view.setUint16(at + 4, grouped.retentionClass, true)
  view.setUint32(at + 8, grouped.blocks, true)
  view.setUint32(at + 12, grouped.usedBytes, true)
  setUint64(view, at + 16, grouped.firstCommit)
  setUint64(view, at + 24, grouped.lastCommit)
  view.setBigUint64(at + 32, grouped.salt, true)
}

export function getGrouped(view: DataView, at: number): GroupedSegment {
  return {
    number: view.getUint32(at, true),
    retentionClass: view.getUint16(at + 4, true),
    blocks: view.getUint32(at + 8, true),
    usedBytes: view.getUint32(at + 12, true),
    firstCommit: getUint64(view, at + 16),
    lastCommit: getUint64(view, at + 24),
    salt: view.getBigUint64(at + 32, true),
  }
}

function setFreed(view: DataView, at: number, freed: FreedSegment): void {
  view.setUint32(at, freed.number, true)
  setUint64(view, at + 4, freed.firstCommit)
  setUint64(view, at + 12, freed.lastCommit)
}

function getFreed(view: DataView, at: number): FreedSegment {
  return {
    number: view.getUint32(at, true),
    firstCommit: getUint64(view, at + 4),
    lastCommit: getUint64(view, at + 12),
  }
}
