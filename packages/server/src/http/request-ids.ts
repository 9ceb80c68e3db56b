/**
 * The two identifiers that answers carry: a UUID as `x-amzn-RequestId`, and 72 random bytes in base64 as
 * `x-amz-id-2`. Randomness is fetched in blocks: one call for dozens of requests.
 */
import type { Random } from '@millrace/std'

const BLOCK_BYTES = 8192
const UUID_BYTES = 16
/** The real service's have 64 to 80 bytes. 72 need no padding. */
const EXTENDED_BYTES = 72

export class RequestIds {
  readonly #random: Random
  #block: Buffer = Buffer.alloc(0)
  #used = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A version 4 UUID. */
  next(): string {
    const bytes = this.#take(UUID_BYTES)
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** For `x-amz-id-2`. */
  nextExtended(): string {
    return this.#take(EXTENDED_BYTES).toString('base64')
  }

  #take(length: number): Buffer {
    if (this.#used + length > this.#block.length) {
      const fresh = this.#random.bytes(BLOCK_BYTES)
      this.#block = Buffer.from(fresh.buffer, fresh.byteOffset, fresh.byteLength)
      this.#used = 0
    }
    const bytes = this.#block.subarray(this.#used, this.#used + length)
    this.#used += length
    return bytes
  }
}
