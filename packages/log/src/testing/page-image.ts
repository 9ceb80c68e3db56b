/**
 * The bytes of one simulated file, in 4 KiB pages that copies share until one of them writes. A hole reads as zeros.
 * Copying costs one array of page references, so that a test can copy a whole disk at every operation.
 */

/** What a file system keeps or loses as one. */
export const PAGE_BYTES = 4096
/** What a drive keeps or loses as one: the unit of tearing. */
export const SECTOR_BYTES = 512

/** Whoever may write a page in place, told apart by identity. */
type Owner = Readonly<Record<never, never>>

export class PageImage {
  #pages: (Uint8Array | undefined)[] = []
  #owners: (Owner | undefined)[] = []
  #self: Owner = {}
  #size = 0

  get size(): number {
    return this.#size
  }

  /** An independent image with the same bytes. */
  copy(): PageImage {
    const copy = new PageImage()
    copy.#pages = this.#pages.slice()
    copy.#owners = this.#owners.slice()
    copy.#size = this.#size
    // From here on nobody owns the pages of before.
    this.#self = {}
    return copy
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length;) {
      const page = Math.floor((offset + done) / PAGE_BYTES)
      const within = (offset + done) % PAGE_BYTES
      const length = Math.min(PAGE_BYTES - within, bytes.length - done)
      this.#writable(page).set(bytes.subarray(done, done + length), within)
      done += length
    }
    this.#size = Math.max(this.#size, offset + bytes.length)
  }

  /** Fills `into` from `offset`; returns how many bytes there were before the end of the file. */
  read(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.#size - offset))
    for (let done = 0; done < length;) {
      const within = (offset + done) % PAGE_BYTES
      const piece = Math.min(PAGE_BYTES - within, length - done)
      const page = this.#pages[Math.floor((offset + done) / PAGE_BYTES)]
      if (page === undefined) into.fill(0, done, done + piece)
      else into.set(page.subarray(within, within + piece), done)
      done += piece
    }
    return length
  }

  /** Cuts, or extends with zeros. */
  truncate(size: number): void {
    if (size < this.#size) {
      const pages = Math.ceil(size / PAGE_BYTES)
      this.#pages.length = Math.min(this.#pages.length, pages)
      this.#owners.length = this.#pages.length
      const within = size % PAGE_BYTES
      if (within > 0 && this.#pages[pages - 1] !== undefined) this.#writable(pages - 1).fill(0, within)
    }
    this.#size = size
  }

  /** Takes page number `page` as `other` has it. The size stays. */
  takePage(page: number, other: PageImage): void {
    while (this.#pages.length <= page) this.#push()
    this.#pages[page] = other.#pages[page]
    this.#owners[page] = undefined
    other.#owners[page] = undefined
  }

  #writable(page: number): Uint8Array {
    while (this.#pages.length <= page) this.#push()
    const existing = this.#pages[page]
    if (existing !== undefined && this.#owners[page] === this.#self) return existing
    const fresh = existing === undefined ? new Uint8Array(PAGE_BYTES) : existing.slice()
    this.#pages[page] = fresh
    this.#owners[page] = this.#self
    return fresh
  }

  #push(): void {
    this.#pages.push(undefined)
    this.#owners.push(undefined)
  }
}
