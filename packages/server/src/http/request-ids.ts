/**
 * The two identifiers that answers carry: a UUID as `x-amzn-RequestId`, and 72 random bytes in base64 as
 * `x-amz-id-2`. Both are cut from texts made of blocks of randomness: one conversion for dozens of requests.
 */
import type { Random } from '@millrace/std'

const UUID_BYTES = 16
const UUID_LETTERS = 36
/** The real service's have 64 to 80 bytes. 72 need no padding. */
const EXTENDED_BYTES = 72
const EXTENDED_LETTERS = (EXTENDED_BYTES / 3) * 4
/** Of either kind. */
const IDS_PER_BLOCK = 64

export class RequestIds {
  readonly #random: Random
  #uuids = ''
  #uuidsUsed = 0
  #letters = ''
  #lettersUsed = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A version 4 UUID. */
  next(): string {
    if (this.#uuidsUsed === this.#uuids.length) {
      this.#uuids = uuidsOf(this.#block(UUID_BYTES))
      this.#uuidsUsed = 0
    }
    const at = this.#uuidsUsed
    this.#uuidsUsed = at + UUID_LETTERS
    return this.#uuids.slice(at, this.#uuidsUsed)
  }

  /** For `x-amz-id-2`. */
  nextExtended(): string {
    if (this.#lettersUsed === this.#letters.length) {
      this.#letters = this.#block(EXTENDED_BYTES).toString('base64')
      this.#lettersUsed = 0
    }
    const at = this.#lettersUsed
    this.#lettersUsed = at + EXTENDED_LETTERS
    return this.#letters.slice(at, this.#lettersUsed)
  }

  /** Randomness for a block of ids. */
  #block(bytesEach: number): Buffer {
    return Buffer.from(this.#random.bytes(bytesEach * IDS_PER_BLOCK))
  }
}

/** Version 4 UUIDs without anything in between: cut out, each is one object (bench: PutRecord). */
function uuidsOf(random: Buffer): string {
  for (let at = 0; at < random.length; at += UUID_BYTES) {
    random.writeUInt8((random.readUInt8(at + 6) & 0x0f) | 0x40, at + 6)
    random.writeUInt8((random.readUInt8(at + 8) & 0x3f) | 0x80, at + 8)
  }
  const digits = Buffer.from(random.toString('hex'), 'latin1')
  const letters = Buffer.alloc((random.length / UUID_BYTES) * UUID_LETTERS, '-')
  let next = 0
  for (let at = 0; at < letters.length; at++) {
    const place = at % UUID_LETTERS
    if (place !== 8 && place !== 13 && place !== 18 && place !== 23) letters[at] = digits[next++] ?? 0
  }
  return letters.toString('latin1')
}
