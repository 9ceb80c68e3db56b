/**
 * Payloads of the log's own frames in ledger 0: trim floors, drops, freed segments. Ten thousand ledgers trimmed at
 * once are 120 KB in one frame. Drawn in docs/formats/commit.md.
 */
import type { TrimFloor } from '../api.ts'
import { getUint64, setUint64, viewOf } from './bytes.ts'

const TRIM_BYTES = 12
const DROP_BYTES = 4
const FREED_BYTES = 20

export interface FreedSegment {
  readonly number: number
  readonly firstCommit: number
  readonly lastCommit: number
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
  const view = viewOf(bytes)
  view.setUint32(0, freed.number, true)
  setUint64(view, 4, freed.firstCommit)
  setUint64(view, 12, freed.lastCommit)
  return bytes
}

export function decodeFreed(bytes: Uint8Array): FreedSegment {
  const view = viewOf(bytes)
  return { number: view.getUint32(0, true), firstCommit: getUint64(view, 4), lastCommit: getUint64(view, 12) }
}
