/**
 * Sealing the data of records with AES-256-GCM, each alone and in as many bytes as it has. Bound to it is all that stands
 * in the clear before it, key, hash and lengths, and the shard: sealed data opens in its own place only.
 *
 *     seal: data key id u32 little-endian · nonce { run 8 · number u32 big-endian } · tag 16
 *
 * A nonce is never used twice under one key: whoever seals draws a run of its own, numbers its records in it, and draws
 * the next before the numbers begin again (docs/decisions/083-encryption.md).
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

import type { Random } from '@millrace/std'

import { type RecordOpener, type RecordSealer, SEAL_BYTES, type SealedPlace } from '../engine/record-layout.ts'

const KEY_ID_BYTES = 4
const RUN_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SHARD_BYTES = 4
/** Records sealed in one run. */
const RUN_MAX = 2 ** 32

/** One after the other, none twice. The bytes are good until the next. */
export class Nonces {
  readonly #random: Random
  readonly #nonce = Buffer.alloc(NONCE_BYTES)
  #number = RUN_MAX

  constructor(random: Random) {
    this.#random = random
  }

  next(): Buffer {
    if (this.#number === RUN_MAX) {
      this.#nonce.set(this.#random.bytes(RUN_BYTES))
      this.#number = 0
    }
    this.#nonce.writeUInt32BE(this.#number++, RUN_BYTES)
    return this.#nonce
  }
}

export class DataSealer implements RecordSealer {
  readonly #key: KeyObject
  readonly #keyId: number
  readonly #nonces: Nonces

  constructor(key: KeyObject, keyId: number, nonces: Nonces) {
    this.#key = key
    this.#keyId = keyId
    this.#nonces = nonces
  }

  seal(place: SealedPlace, data: Uint8Array): void {
    const { bytes, sealOffset, dataOffset } = place
    const nonce = this.#nonces.next()
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(sealOffset, this.#keyId, true)
    bytes.set(nonce, sealOffset + KEY_ID_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(boundTo(place))
    bytes.set(cipher.update(data), dataOffset)
    cipher.final()
    bytes.set(cipher.getAuthTag(), tagOffset(sealOffset))
  }
}

export class DataOpener implements RecordOpener {
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  open(place: SealedPlace, dataLength: number): boolean {
    const { bytes, sealOffset, dataOffset } = place
    const nonce = bytes.subarray(sealOffset + KEY_ID_BYTES, sealOffset + KEY_ID_BYTES + NONCE_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(tagOffset(sealOffset), sealOffset + SEAL_BYTES)).setAAD(boundTo(place))
    const plain = decipher.update(bytes.subarray(dataOffset, dataOffset + dataLength))
    try {
      decipher.final()
    } catch {
      // The tag is another: the one thing `final` says.
      return false
    }
    bytes.set(plain, dataOffset)
    return true
  }
}

/** Which data key a record is sealed with. */
export function dataKeyIdAt(bytes: Uint8Array, sealOffset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(sealOffset, true)
}

function tagOffset(sealOffset: number): number {
  return sealOffset + KEY_ID_BYTES + NONCE_BYTES
}

/** The shard, and the record as it stands before its data, with zeros for the tag. */
function boundTo({ shard, bytes, offset, sealOffset, dataOffset }: SealedPlace): Buffer {
  const bound = Buffer.allocUnsafe(SHARD_BYTES + dataOffset - offset)
  bound.writeUInt32LE(shard, 0)
  bound.set(bytes.subarray(offset, dataOffset), SHARD_BYTES)
  const tagAt = SHARD_BYTES + tagOffset(sealOffset) - offset
  return bound.fill(0, tagAt, tagAt + TAG_BYTES)
}
