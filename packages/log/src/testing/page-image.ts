/**
 * The bytes of one simulated file, in 4 KiB pages that copies share until one of them writes. A hole reads as zeros.
 * A copy costs nothing until then, so that a test can copy a whole disk at every operation.
 */
import { hash } from 'node:crypto'

/** What a file system keeps or loses as one. */
export const PAGE_BYTES = 4096
/** What a drive keeps or loses as one: the unit of tearing. */
export const SECTOR_BYTES = 512

/** What several images may share. Whoever is not its only owner copies it before a change. */
interface Content {
  readonly pages: (Uint8Array | undefined)[]
  size: number
  digest: string | undefined
}

const EMPTY: Content = { pages: [], size: 0, digest: undefined }

/**
 * Digests of pages by where they lie in memory: most pages of a disk are those of its copies too. A checksum would not do:
 * the CRC of bytes that end in their own is always the same.
 */
const digests = new WeakMap<ArrayBufferLike, Map<number, string>>()
const zeros = new Uint8Array(256 * 1024)
const zeroPage = zeros.subarray(0, PAGE_BYTES)
const holeDigest = digested(zeroPage)

/**
 * A copy of `bytes` that never changes. Zeros are all the same memory, as most of what is written to a new file is
 * zeros, and memory of its own costs a small write more than anything else.
 */
export function keep(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length <= zeros.length && isZero(bytes)) return zeros.subarray(0, length)
  return bytes.slice()
}

export class PageImage {
  #content: Content
  /** The pages that nobody else has, when nobody else has the content. */
  #owned: Set<number> | undefined

  /** Empty, or with what another has. */
  constructor(content: Content = EMPTY) {
    this.#content = content
  }

  get size(): number {
    return this.#content.size
  }

  /** Equal for two images if size and bytes are. */
  get digest(): string {
    const content = this.#content
    content.digest ??= digested(`${content.size} ${pageDigests(content).join()}`)
    return content.digest
  }

  /** An independent image with the same bytes. */
  copy(): PageImage {
    this.#owned = undefined
    return new PageImage(this.#content)
  }

  /** Whole pages are kept as they are given, zeros as a hole: `bytes` must never change. */
  write(bytes: Uint8Array, offset: number): void {
    const content = this.#own()
    for (let done = 0; done < bytes.length;) {
      const page = Math.floor((offset + done) / PAGE_BYTES)
      const within = (offset + done) % PAGE_BYTES
      const length = Math.min(PAGE_BYTES - within, bytes.length - done)
      const piece = bytes.subarray(done, done + length)
      if (length === PAGE_BYTES) this.#put(page, isZero(piece) ? undefined : piece)
      else this.#writable(page).set(piece, within)
      done += length
    }
    content.size = Math.max(content.size, offset + bytes.length)
  }

  /** Fills `into` from `offset`; returns how many bytes there were before the end of the file. */
  read(into: Uint8Array, offset: number): number {
    const { pages, size } = this.#content
    const length = Math.max(0, Math.min(into.length, size - offset))
    for (let done = 0; done < length;) {
      const within = (offset + done) % PAGE_BYTES
      const piece = Math.min(PAGE_BYTES - within, length - done)
      const page = pages[Math.floor((offset + done) / PAGE_BYTES)]
      if (page === undefined) into.fill(0, done, done + piece)
      else into.set(piece === PAGE_BYTES ? page : page.subarray(within, within + piece), done)
      done += piece
    }
    return length
  }

  /** Cuts, or extends with zeros. */
  truncate(size: number): void {
    if (size === this.size) return
    const content = this.#own()
    if (size < content.size) {
      const pages = Math.ceil(size / PAGE_BYTES)
      content.pages.length = Math.min(content.pages.length, pages)
      for (const page of this.#owned ?? []) if (page >= pages) this.#owned?.delete(page)
      const within = size % PAGE_BYTES
      if (within > 0 && content.pages[pages - 1] !== undefined) this.#writable(pages - 1).fill(0, within)
    }
    content.size = size
  }

  /** Takes page number `page` as `other` has it. The size stays. */
  takePage(page: number, other: PageImage): void {
    this.#own()
    this.#put(page, other.#content.pages[page])
    other.#owned?.delete(page)
  }

  /** The content, to be changed. */
  #own(): Content {
    if (this.#owned === undefined) {
      const { pages, size } = this.#content
      this.#content = { pages: pages.slice(), size, digest: undefined }
      this.#owned = new Set()
    }
    this.#content.digest = undefined
    return this.#content
  }

  /** Takes a page that is not to be changed in place. */
  #put(page: number, bytes: Uint8Array | undefined): void {
    const { pages } = this.#content
    while (pages.length <= page) pages.push(undefined)
    pages[page] = bytes
    this.#owned?.delete(page)
  }

  #writable(page: number): Uint8Array {
    const { pages } = this.#content
    while (pages.length <= page) pages.push(undefined)
    const existing = pages[page]
    if (existing !== undefined && this.#owned?.has(page) === true) {
      digests.delete(existing.buffer)
      return existing
    }
    const fresh = existing === undefined ? new Uint8Array(PAGE_BYTES) : existing.slice()
    pages[page] = fresh
    this.#owned?.add(page)
    return fresh
  }
}

/** Of at most as many as `zeros` has. */
function isZero(bytes: Uint8Array): boolean {
  if (bytes.buffer === zeros.buffer) return true
  const { length } = bytes
  return bytes[0] === 0 && Buffer.compare(bytes, length === PAGE_BYTES ? zeroPage : zeros.subarray(0, length)) === 0
}

function pageDigests({ pages, size }: Content): readonly string[] {
  return Array.from({ length: Math.ceil(size / PAGE_BYTES) }, (_, page) => digestOf(pages[page]))
}

function digestOf(page: Uint8Array | undefined): string {
  if (page === undefined) return holeDigest
  let known = digests.get(page.buffer)
  if (known === undefined) digests.set(page.buffer, (known = new Map()))
  let digest = known.get(page.byteOffset)
  if (digest === undefined) known.set(page.byteOffset, (digest = digested(page)))
  return digest
}

/** A name for `bytes` that others do not have. */
export function digested(bytes: Uint8Array | string): string {
  return hash('sha1', bytes, 'base64')
}
