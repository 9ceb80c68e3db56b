/**
 * Memory that is used again: fresh memory costs a fault a page, and makes the collector mark the whole heap each 64 MiB.
 * What came back last goes out first, as the processor's caches may still hold it.
 *
 * Invariant: a buffer has one owner. Whoever gives it back vouches that nobody looks at it any more: the next owner
 * writes over it. Who cannot tell leaves it to the collector.
 */

export interface BufferPoolOptions {
  /** Smaller ones are not worth the bookkeeping: they are the collector's. */
  readonly bytesMin: number
  /** Of those that wait to be used again; beyond it the oldest goes to the collector. */
  readonly bytesKeptMax: number
}

/** Sizes between one power of two and the next: at most an eighth of a fresh buffer is unused. */
const SIZES_PER_DOUBLING = 8
/** One that was used before may be larger than a fresh one by so much. */
const FIT_MAX = 1.25

export class BufferPool {
  readonly #options: BufferPoolOptions
  /** The oldest first. */
  readonly #kept: ArrayBuffer[] = []
  #bytesKept = 0
  /** Nothing else is taken back, nor anything twice. Weak: an owner may forget it. */
  readonly #lent = new WeakSet<ArrayBufferLike>()

  constructor(options: BufferPoolOptions) {
    this.#options = options
  }

  /** Bytes of what waits to be used again. */
  get bytesKept(): number {
    return this.#bytesKept
  }

  /** Of `bytes`, with anything in it. No Buffer: who copies it by `slice`, as arrays are copied, would have a view. */
  take(bytes: number): Uint8Array {
    if (bytes < this.#options.bytesMin) return new Uint8Array(bytes)
    const step = 2 ** Math.floor(Math.log2(bytes)) / SIZES_PER_DOUBLING
    const freshBytes = Math.ceil(bytes / step) * step
    const place = this.#kept.findLastIndex(
      ({ byteLength }) => byteLength >= bytes && byteLength <= freshBytes * FIT_MAX,
    )
    const [known] = place === -1 ? [] : this.#kept.splice(place, 1)
    this.#bytesKept -= known?.byteLength ?? 0
    const buffer = known ?? Buffer.allocUnsafeSlow(freshBytes).buffer
    this.#lent.add(buffer)
    return new Uint8Array(buffer, 0, bytes)
  }

  /**
   * What `take` gave, or any part of it. Other memory is left alone, and so is what was given back already, or
   * transferred meanwhile: that has no bytes any more.
   */
  giveBack({ buffer }: Uint8Array): void {
    const { bytesMin, bytesKeptMax } = this.#options
    if (!this.#lent.delete(buffer) || !(buffer instanceof ArrayBuffer)) return
    if (buffer.byteLength < bytesMin || buffer.byteLength > bytesKeptMax) return
    this.#kept.push(buffer)
    this.#bytesKept += buffer.byteLength
    while (this.#bytesKept > bytesKeptMax) this.#bytesKept -= this.#kept.shift()?.byteLength ?? 0
  }
}
