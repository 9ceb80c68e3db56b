/**
 * Memory for commits, which stand in the tail's cache when they are written. What leaves the cache without ever having
 * been lent to a reader is used again: fresh memory costs a fault a page, and collections (bench: PutRecords, 1 KiB;
 * docs/decisions/126).
 *
 * Not shared with the writer thread: the collector does not count shared memory, and hundreds of MiB of commits long
 * gone would wait for it to have another reason to run.
 */

/** Small pieces share one of these: memory of its own costs the garbage collector more than a small commit. */
const SLAB_BYTES_MAX = 256 * 1024
/** What is larger gets memory of its own, so that a slab is never mostly wasted. */
const SLAB_PIECE_BYTES_MAX = SLAB_BYTES_MAX / 8
/** The first slab; each is twice the one before: a log that writes little takes little. */
const FIRST_SLAB_BYTES = 8 * 1024
/** Pieces that wait to be used again: as one leaves the cache for each that is taken, more would not be missed. */
export const PIECES_KEPT_MAX = 8
/** Sizes between one power of two and the next: at most an eighth of a piece is unused. */
const SIZES_PER_DOUBLING = 8

export class CommitMemory {
  #slab = new ArrayBuffer(0)
  #slabUsed = 0
  #nextSlabBytes = FIRST_SLAB_BYTES
  /** The oldest first. */
  readonly #kept: ArrayBuffer[] = []

  /** Zeroed. A small piece keeps up to 256 KiB of its neighbours alive. */
  allocate(bytes: number): Uint8Array {
    if (bytes > SLAB_PIECE_BYTES_MAX) return this.#piece(bytes)
    if (this.#slabUsed + bytes > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(Math.max(this.#nextSlabBytes, bytes))
      this.#slabUsed = 0
      this.#nextSlabBytes = Math.min(2 * this.#nextSlabBytes, SLAB_BYTES_MAX)
    }
    const piece = new Uint8Array(this.#slab, this.#slabUsed, bytes)
    this.#slabUsed += bytes
    return piece
  }

  /** Only for what `allocate` gave and nobody looks at any more, once. */
  giveBack({ buffer, length }: Uint8Array): void {
    // Others may still look at their parts of a slab.
    if (length <= SLAB_PIECE_BYTES_MAX || !(buffer instanceof ArrayBuffer)) return
    if (this.#kept.length === PIECES_KEPT_MAX) this.#kept.shift()
    this.#kept.push(buffer)
  }

  #piece(bytes: number): Uint8Array {
    const step = 2 ** Math.floor(Math.log2(bytes)) / SIZES_PER_DOUBLING
    const pieceBytes = Math.ceil(bytes / step) * step
    const place = this.#kept.findIndex(({ byteLength }) => byteLength === pieceBytes)
    const [used] = place === -1 ? [] : this.#kept.splice(place, 1)
    if (used === undefined) return new Uint8Array(new ArrayBuffer(pieceBytes), 0, bytes)
    return new Uint8Array(used, 0, bytes).fill(0)
  }
}
