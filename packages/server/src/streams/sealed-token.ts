/**
 * Sealed tokens: small messages from the service to itself, carried by callers who can neither read nor change them
 * (AES-256-GCM). Any server that holds the key opens them, and nothing about them is kept. A token begins with the
 * eight bytes 00 … 01 and its sealed part is a multiple of 16 bytes long, as on AWS.
 *
 *     00 00 00 00 00 00 00 01 · nonce 12 · sealed { length u16 · message · zeros } · tag 16
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'

import { assert, type Random } from '@millrace/std'

export const TOKEN_KEY_BYTES = 32

const PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LENGTH_BYTES = 2
const FRAME_BYTES = NONCE_BYTES + TAG_BYTES
// AWS: iterators are 152 to 280 bytes long before base64.
const TOKEN_BYTES_MIN = 152
/** A longer text is no token of ours, and is not even decoded. */
const TEXT_LENGTH_MAX = 4096

export class TokenSeal {
  readonly #key: Uint8Array
  readonly #random: Random

  constructor(key: Uint8Array, random: Random) {
    assert(key.length === TOKEN_KEY_BYTES, `a token key has ${TOKEN_KEY_BYTES} bytes, not ${key.length}`)
    this.#key = key
    this.#random = random
  }

  /** Two tokens of one message differ. `purpose` keeps one kind of token from being taken for another. */
  seal(purpose: string, message: Uint8Array): string {
    const sealedBytes = Math.max(
      TOKEN_BYTES_MIN - PREFIX.length,
      Math.ceil((FRAME_BYTES + LENGTH_BYTES + message.length) / 16) * 16,
    )
    const plain = Buffer.alloc(sealedBytes - FRAME_BYTES)
    plain.writeUInt16BE(message.length, 0)
    plain.set(message, LENGTH_BYTES)
    const nonce = this.#random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(purpose))
    const sealed = [cipher.update(plain), cipher.final()]
    return Buffer.concat([PREFIX, nonce, ...sealed, cipher.getAuthTag()]).toString('base64')
  }

  /** The message, or `undefined` if this is not a token of ours, of that purpose, unchanged. */
  open(purpose: string, text: string): Buffer | undefined {
    if (text.length > TEXT_LENGTH_MAX) return undefined
    const bytes = Buffer.from(text, 'base64')
    // Buffer.from forgives much; what it forgave does not come back the same.
    if (bytes.toString('base64') !== text) return undefined
    if (bytes.length < PREFIX.length + FRAME_BYTES + LENGTH_BYTES || !bytes.subarray(0, PREFIX.length).equals(PREFIX))
      return undefined
    const nonce = bytes.subarray(PREFIX.length, PREFIX.length + NONCE_BYTES)
    const sealed = bytes.subarray(PREFIX.length + NONCE_BYTES, bytes.length - TAG_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      const plain = Buffer.concat([decipher.update(sealed), decipher.final()])
      return plain.subarray(LENGTH_BYTES, LENGTH_BYTES + plain.readUInt16BE(0))
    } catch {
      // Not sealed with this key for this purpose: the one thing `final` says.
      return undefined
    }
  }
}
