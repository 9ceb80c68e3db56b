/**
 * Memory for what one request needs and lets go of: its body, its records laid out. Pieces are used again, the last
 * one first: fresh memory costs a fault a page, and makes the collector mark the whole heap each 64 MiB (bench:
 * PutRecords, 1 KiB, docs/decisions/126).
 *
 * Invariant: a piece has one owner. Whoever gives it back vouches that nobody looks at it any more, and who cannot
 * tell leaves it to the collector: the next owner writes over it.
 */
import { freeMemory } from './free-memory.ts'

/** Of a piece. What is larger gets memory of its own. Only the pages that were used take memory. */
const PIECE_BYTES = 1024 * 1024
/** What is smaller costs less than the bookkeeping. */
const WORTH_BYTES = 32 * 1024
/** What is smaller gets a piece that is there, and none is made for it: to the collector it would be as large as a piece. */
const WORTH_A_PIECE_BYTES = 256 * 1024
/** Pieces that are kept: two for each of 16 large puts at a time. */
export const PIECES_KEPT_MAX = 32

const kept: ArrayBuffer[] = []
/** Of each piece, whether it has an owner: nothing else is taken back, nor twice. */
const lent = new WeakMap<ArrayBufferLike, boolean>()

/** Of `bytes`, with anything in it. It may be a part of a piece. */
export function takeMemory(bytes: number): Buffer {
  if (bytes < WORTH_BYTES) return Buffer.allocUnsafe(bytes)
  if (bytes > PIECE_BYTES) return Buffer.allocUnsafeSlow(bytes)
  const known = kept.pop()
  if (known === undefined && bytes < WORTH_A_PIECE_BYTES) return Buffer.allocUnsafeSlow(bytes)
  const piece = known ?? Buffer.allocUnsafeSlow(PIECE_BYTES).buffer
  lent.set(piece, true)
  return Buffer.from(piece, 0, bytes)
}

/** `memory` is what takeMemory gave, or any other that nobody looks at any more. Twice is fine, unless taken in between. */
export function giveBackMemory(memory: Uint8Array): void {
  const { buffer } = memory
  const isLent = lent.get(buffer)
  if (isLent === undefined) freeMemory(memory)
  // It may have been handed over to another thread.
  if (isLent !== true || buffer.byteLength !== PIECE_BYTES || !(buffer instanceof ArrayBuffer)) return
  lent.set(buffer, false)
  if (kept.length < PIECES_KEPT_MAX) kept.push(buffer)
  else freeMemory(new Uint8Array(buffer))
}
