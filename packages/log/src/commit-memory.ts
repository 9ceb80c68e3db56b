/**
 * Memory for commits, which readers at the tail look at for as long as they like. Not shared with the writer thread:
 * the collector does not count shared memory, and hundreds of MiB of commits long gone would wait for it to have another
 * reason to run (docs/decisions/126).
 */
import type { AllocateBuffer } from './disk.ts'

/** Small pieces share one of these: memory of its own costs the garbage collector more than a small commit. */
const SLAB_BYTES = 256 * 1024
/** What is larger gets memory of its own, so that a slab is never mostly wasted. */
const SLAB_PIECE_BYTES_MAX = SLAB_BYTES / 8

let slab = new ArrayBuffer(0)
let slabUsed = 0

/** Zeroed. A small piece keeps up to 256 KiB of its neighbours alive. */
export const allocateCommit: AllocateBuffer = (bytes) => {
  if (bytes > SLAB_PIECE_BYTES_MAX) return new Uint8Array(bytes)
  if (slabUsed + bytes > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES)
    slabUsed = 0
  }
  const piece = new Uint8Array(slab, slabUsed, bytes)
  slabUsed += bytes
  return piece
}
