/**
 * The two identifiers that answers carry: a UUID as `x-amzn-RequestId`, and 72 random bytes in base64 as
 * `x-amz-id-2`. Both are cut from texts made of blocks of randomness: one conversion for dozens of requests.
 */
import type { Random } from '@millrace/std'

const UUID_DIGITS = 32
/** The real service's have 64 to 80 bytes. 72 need no padding. */
const EXTENDED_BYTES = 72
const EXTENDED_LETTERS = (EXTENDED_BYTES / 3) * 4
/** Of either kind. */
const IDS_PER_BLOCK = 64
/** What a UUID's variant digit may be. */
const VARIANTS = '89ab'

export class RequestIds {
  readonly #random: Random
  #digits = ''
  #digitsUsed = 0
  #letters = ''
  #lettersUsed = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A version 4 UUID. */
  next(): string {
    const at = this.#digitsUsed
    if (at === this.#digits.length) {
      this.#digits = this.#block((UUID_DIGITS / 2) * IDS_PER_BLOCK, 'hex')
      this.#digitsUsed = 0
      return this.next()
    }
    this.#digitsUsed = at + UUID_DIGITS
    const digits = this.#digits
    const variant = VARIANTS[Number.parseInt(digits.charAt(at + 16), 16) & 3]
    return (
      `${digits.slice(at, at + 8)}-${digits.slice(at + 8, at + 12)}-4${digits.slice(at + 13, at + 16)}-` +
      `${variant}${digits.slice(at + 17, at + 20)}-${digits.slice(at + 20, at + 32)}`
    )
  }

  /** For `x-amz-id-2`. */
  nextExtended(): string {
    const at = this.#lettersUsed
    if (at === this.#letters.length) {
      this.#letters = this.#block(EXTENDED_BYTES * IDS_PER_BLOCK, 'base64')
      this.#lettersUsed = 0
      return this.nextExtended()
    }
    this.#lettersUsed = at + EXTENDED_LETTERS
    return this.#letters.slice(at, this.#lettersUsed)
  }

  #block(length: number, encoding: 'hex' | 'base64'): string {
    const { buffer, byteOffset, byteLength } = this.#random.bytes(length)
    return Buffer.from(buffer, byteOffset, byteLength).toString(encoding)
  }
}
