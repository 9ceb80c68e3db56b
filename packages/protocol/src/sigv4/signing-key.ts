/**
 * Signing keys: four HMACs away from the secret, good for a day, a region and a service, and so worth keeping. The
 * cache holds the most recently made ones, and no secret.
 */
import { createHmac, hash } from 'node:crypto'
import type { CredentialScope } from './canonical.ts'

/** Keys kept. Each is used by one access key for one day and region. */
export const SIGNING_KEYS_MAX = 1024

const BLOCK_BYTES = 64

/** A key with which to sign any number of strings. */
export class SigningKey {
  // HMAC is two hashes over a padded key. With the pads at hand, two one-shot hashes take half the time of createHmac.
  readonly #innerPad = Buffer.alloc(BLOCK_BYTES, 0x36)
  readonly #outerPad = Buffer.alloc(BLOCK_BYTES, 0x5c)

  constructor(secretAccessKey: string, { day, region, service }: CredentialScope) {
    const key = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, day), region), service), 'aws4_request')
    for (const [index, byte] of key.entries()) {
      this.#innerPad.writeUInt8(0x36 ^ byte, index)
      this.#outerPad.writeUInt8(0x5c ^ byte, index)
    }
  }

  /** The signature in lower-case hexadecimal digits. */
  sign(text: string): string {
    const inner = hash('sha256', Buffer.concat([this.#innerPad, Buffer.from(text, 'utf8')]), 'buffer')
    return hash('sha256', Buffer.concat([this.#outerPad, inner]), 'hex')
  }
}

export class SigningKeyCache {
  readonly #keys = new Map<string, SigningKey>()
  readonly #keysMax: number

  /** `keysMax`: beyond it, the oldest key goes. */
  constructor(keysMax = SIGNING_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  get(secretAccessKey: string, scope: CredentialScope): SigningKey {
    // By a digest of the secret: a key that was given a new secret must not find the old signing key.
    const name = `${hash('sha256', secretAccessKey, 'base64')}/${scope.day}/${scope.region}/${scope.service}`
    const cached = this.#keys.get(name)
    if (cached !== undefined) return cached
    const key = new SigningKey(secretAccessKey, scope)
    const [oldest] = this.#keys.keys()
    if (this.#keys.size >= this.#keysMax && oldest !== undefined) this.#keys.delete(oldest)
    this.#keys.set(name, key)
    return key
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}
