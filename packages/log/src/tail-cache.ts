interface Entry {
  readonly buffer: Uint8Array
  readonly fileOffset: number
  isLent: boolean
}

/**
 * The buffers of the last commits, kept after they were written: readers at the tail never touch the disk. Only
 * durable commits enter, in order; the oldest leave when the bytes pass the bound. A buffer lent to a reader lives on
 * with its reader.
 */
export class TailCache {
  readonly #bytesMax: number
  readonly #onUnused: (buffer: Uint8Array) => void
  #bytes = 0
  /** Entry i is commit `#firstCommit + i`; entries before `#head` have left. */
  #entries: (Entry | undefined)[] = []
  #head = 0
  #firstCommit = 0

  /** `onUnused` gets each buffer that leaves and was never lent: nobody looks at it any more. */
  constructor(bytesMax: number, onUnused: (buffer: Uint8Array) => void = () => {}) {
    this.#bytesMax = bytesMax
    this.#onUnused = onUnused
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The oldest commit here; Infinity while empty. */
  get firstCommit(): number {
    return this.#head === this.#entries.length ? Number.POSITIVE_INFINITY : this.#firstCommit + this.#head
  }

  /** `fileOffset`: where the buffer begins in its segment file. */
  add(commit: number, buffer: Uint8Array, fileOffset: number): void {
    if (this.#entries.length === 0) this.#firstCommit = commit
    this.#entries.push({ buffer, fileOffset, isLent: false })
    this.#bytes += buffer.length
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries[this.#head]
      this.#entries[this.#head++] = undefined
      if (oldest === undefined) continue
      this.#bytes -= oldest.buffer.length
      if (!oldest.isLent) this.#onUnused(oldest.buffer)
    }
    // Letting go of the places in one go keeps this linear.
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#firstCommit += this.#head
      this.#head = 0
    }
  }

  /** The bytes at `offset` of the segment file that `commit` is in. */
  get(commit: number, offset: number, bytes: number): Uint8Array | undefined {
    const place = commit - this.#firstCommit
    if (place < this.#head) return undefined
    const entry = this.#entries[place]
    if (entry === undefined) return undefined
    entry.isLent = true
    return entry.buffer.subarray(offset - entry.fileOffset, offset - entry.fileOffset + bytes)
  }
}
