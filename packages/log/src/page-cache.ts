/**
 * Pages of index files in memory, the least recently used going first. Bounded in bytes; a page is checked once, when
 * it comes in.
 */
import { LinkedMap } from '@millrace/std'

import { isPageValid } from './format/index-format.ts'
import { PAGE_BYTES } from './limits.ts'
import { LogError } from './log-error.ts'
import { isRefusedRead } from './refused-read.ts'
import type { OpenFiles } from './open-files.ts'

/** A segment's index has fewer pages than this. */
const PAGES_PER_SEGMENT = 2 ** 20

/** An index file that is not what was written. The index is then built again from the segment. */
export class IndexDamagedError extends Error {
  override readonly name = 'IndexDamagedError'
  /** The segment's number. */
  readonly segment: number

  constructor(segment: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.segment = segment
  }
}

export class PageCache {
  readonly #bytesMax: number
  readonly #files: OpenFiles
  readonly #pages = new LinkedMap<number, Uint8Array>()

  constructor(bytesMax: number, files: OpenFiles) {
    this.#bytesMax = bytesMax
    this.#files = files
  }

  get bytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  /** The page if it is in memory. */
  peek(segment: number, page: number): Uint8Array | undefined {
    return this.#pages.use(segment * PAGES_PER_SEGMENT + page)
  }

  async get(segment: number, path: string, page: number): Promise<Uint8Array> {
    const known = this.peek(segment, page)
    if (known !== undefined) return known
    const bytes = new Uint8Array(PAGE_BYTES)
    try {
      const lease = await this.#files.acquire(path)
      try {
        await lease.file.read(bytes, page * PAGE_BYTES)
      } finally {
        lease.release()
      }
    } catch (error) {
      // A block that the drive refuses is damage; whatever else fails may pass.
      if (!isRefusedRead(error))
        throw new LogError('unavailable', `${path} cannot be read now: ${error}`, { cause: error })
      const reason = `${path}: the page at offset ${page * PAGE_BYTES} cannot be read`
      throw new IndexDamagedError(segment, reason, { cause: error })
    }
    if (!isPageValid(bytes)) {
      throw new IndexDamagedError(segment, `${path}: the page at offset ${page * PAGE_BYTES} fails its checksum`)
    }
    this.#pages.set(segment * PAGES_PER_SEGMENT + page, bytes)
    while (this.bytes > this.#bytesMax) this.#pages.shift()
    return bytes
  }

  /** Forgets the pages of a segment whose index file goes or is written anew. */
  forget(segment: number): void {
    for (const key of this.#pages.keys()) {
      if (Math.floor(key / PAGES_PER_SEGMENT) === segment) this.#pages.delete(key)
    }
  }
}
