/**
 * Data keys: drawn at random, wrapped by a master key, kept so in the stream's documents, and unwrapped once by whoever
 * uses them. Each use looks at the master key as it is now: what was unwrapped counts only as long as that is the same.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

import type { Random } from '@millrace/std'

import { type DataKey, dataKeyInUse, dataKeysOf, nextDataKeyId } from '../streams/encryption.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import {
  type KmsAction,
  aliasNotFound,
  invalidKeyId,
  keyArn,
  keyDenied,
  keyDisabled,
  keyDoesNotOpen,
  keyNotFound,
} from './kms-faults.ts'
import { type KeyReference, type MasterKey, type MasterKeys, parseKeyReference, SERVICE_ALIAS } from './master-keys.ts'
import { DataOpener, DataSealer, Nonces } from './record-seal.ts'

const DATA_KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Unwrapped keys in memory. The oldest leaves first; unwrapping it again takes some microseconds. */
const UNWRAPPED_MAX = 1024
/**
 * After 30 days at 1 GB/s a key has sealed 2^47 blocks; what AES-GCM gives away then is below 2^-34. So is the chance
 * that two of a thousand runs of nonces are alike.
 */
const DATA_KEY_LIFE_MS = 30 * 86_400_000

interface Unwrapped {
  readonly master: MasterKey
  /** The newest material of the master key opened it. */
  readonly isNewest: boolean
  readonly sealer: DataSealer
  readonly opener: DataOpener
}

export class DataKeys {
  readonly #masterKeys: MasterKeys
  readonly #random: Random
  /** Of all keys together: a run is drawn once, however many keys there are and however often they are unwrapped. */
  readonly #nonces: Nonces
  /** By the wrapped key, which is like no other. */
  readonly #unwrapped = new Map<string, Unwrapped>()

  constructor(masterKeys: MasterKeys, random: Random) {
    this.#masterKeys = masterKeys
    this.#random = random
    this.#nonces = new Nonces(random)
  }

  /** The master key that a KeyId names, fit to encrypt the stream; the service's own is made if need be. Rejects: KMS…. */
  async masterKey(keyId: string, stream: StreamKey): Promise<MasterKey> {
    const { name } = referenceOf(keyId, stream)
    if (name.kind === 'alias' && name.alias === SERVICE_ALIAS) await this.#masterKeys.serviceKey()
    return this.#masterKeyNow(keyId, stream)
  }

  /** Whether two KeyIds mean the same key now. */
  isSameKey(a: string, b: string): boolean {
    if (a === b) return true
    const first = this.#find(a)
    return first !== undefined && first === this.#find(b)
  }

  /** A new data key for the stream. `sinceMs`: see DataKey. */
  create(stream: Stream, master: MasterKey, sinceMs: number): DataKey {
    const id = nextDataKeyId(stream)
    const nonce = this.#random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', master.materials[0], nonce).setAAD(boundTo(stream, id, master.id))
    const sealed = [cipher.update(this.#random.bytes(DATA_KEY_BYTES)), cipher.final(), cipher.getAuthTag()]
    return { id, masterKey: master.id, wrapped: Buffer.concat([nonce, ...sealed]).toString('base64'), sinceMs }
  }

  /** Seals what is written to the stream; `undefined`: it is stored in the clear. Throws KMS…. */
  sealer(stream: Stream): DataSealer | undefined {
    const dataKey = dataKeyInUse(stream)
    return dataKey && this.#unwrap(stream, dataKey, 'GenerateDataKey').sealer
  }

  /** Opens what was sealed with a data key of the stream; `undefined`: it has none of that id. Throws KMS…. */
  opener(stream: Stream, dataKeyId: number): DataOpener | undefined {
    const dataKey = dataKeysOf(stream).find(({ id }) => id === dataKeyId)
    return dataKey && this.#unwrap(stream, dataKey, 'Decrypt').opener
  }

  /**
   * The master key to make the stream's next data key with, if it is time for one: the key has lived long enough, or the
   * KeyId means another master key by now, or that has newer material. Throws KMS….
   */
  renewal(stream: Stream, nowMs: number): MasterKey | undefined {
    const dataKey = dataKeyInUse(stream)
    if (dataKey === undefined || stream.keyId === undefined) return undefined
    const master = this.#masterKeyNow(stream.keyId, stream)
    if (dataKey.masterKey !== master.id) return master
    const unwrapped = this.#tryUnwrap(stream, dataKey, master)
    // Material that does not open it is wrong, not new: what was written under it could not be read with the right one.
    if (unwrapped === undefined) throw keyDoesNotOpen(master.id, stream)
    return unwrapped.isNewest && nowMs - dataKey.sinceMs < DATA_KEY_LIFE_MS ? undefined : master
  }

  #find(keyId: string): MasterKey | undefined {
    const reference = parseKeyReference(keyId)
    return reference && this.#masterKeys.find(reference.name)
  }

  #masterKeyNow(keyId: string, stream: StreamKey): MasterKey {
    const { name } = referenceOf(keyId, stream)
    const master = this.#masterKeys.find(name)
    if (master === undefined)
      throw name.kind === 'key' ? keyNotFound(name.id, stream) : aliasNotFound(name.alias, stream)
    assertUsable(master, stream, 'GenerateDataKey')
    return master
  }

  #unwrap(stream: Stream, dataKey: DataKey, action: KmsAction): Unwrapped {
    const master = this.#masterKeys.find({ kind: 'key', id: dataKey.masterKey })
    if (master === undefined) throw keyNotFound(dataKey.masterKey, stream)
    assertUsable(master, stream, action)
    const unwrapped = this.#tryUnwrap(stream, dataKey, master)
    if (unwrapped === undefined) throw keyDoesNotOpen(master.id, stream)
    return unwrapped
  }

  #tryUnwrap(stream: Stream, dataKey: DataKey, master: MasterKey): Unwrapped | undefined {
    const known = this.#unwrapped.get(dataKey.wrapped)
    if (known?.master === master) return known
    for (const material of master.materials) {
      const key = dataKeyIn(dataKey, material, boundTo(stream, dataKey.id, master.id))
      if (key === undefined) continue
      const isNewest = material === master.materials[0]
      const sealer = new DataSealer(key, dataKey.id, this.#nonces)
      return this.#keep(dataKey.wrapped, { master, isNewest, sealer, opener: new DataOpener(key) })
    }
    return undefined
  }

  #keep(wrapped: string, entry: Unwrapped): Unwrapped {
    this.#unwrapped.set(wrapped, entry)
    for (const oldest of this.#unwrapped.keys()) {
      if (this.#unwrapped.size <= UNWRAPPED_MAX) break
      this.#unwrapped.delete(oldest)
    }
    return entry
  }
}

/** A KeyId's reference, if it may be the stream's. Keys of other regions are as good as none. */
function referenceOf(keyId: string, stream: StreamKey): KeyReference {
  const reference = parseKeyReference(keyId)
  if (reference === undefined) throw invalidKeyId(keyId)
  const { name, region = stream.region, account = stream.account } = reference
  if (region !== stream.region)
    throw name.kind === 'key'
      ? keyNotFound(name.id, { account, region })
      : aliasNotFound(name.alias, { account, region })
  if (account !== stream.account) throw keyDenied('GenerateDataKey', keyId, stream)
  return reference
}

function assertUsable(master: MasterKey, stream: StreamKey, action: KmsAction): void {
  if (master.account !== undefined && master.account !== stream.account)
    throw keyDenied(action, keyArn(master.id, { account: master.account, region: stream.region }), stream)
  if (!master.isEnabled) throw keyDisabled(master.id, stream)
}

function dataKeyIn({ wrapped }: DataKey, material: KeyObject, bound: Uint8Array): KeyObject | undefined {
  const bytes = Buffer.from(wrapped, 'base64')
  if (bytes.length !== NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES) return undefined
  const tagAt = NONCE_BYTES + DATA_KEY_BYTES
  const decipher = createDecipheriv('aes-256-gcm', material, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAuthTag(bytes.subarray(tagAt)).setAAD(bound)
  const key = decipher.update(bytes.subarray(NONCE_BYTES, tagAt))
  try {
    decipher.final()
  } catch {
    // Not wrapped by this material, or for another stream.
    return undefined
  }
  return createSecretKey(key)
}

/** A wrapped key is of one stream, in one life of it, and of one master key. */
function boundTo({ account, region, name, bornS }: Stream, id: number, masterKey: string): Buffer {
  return Buffer.from(['data key', account, region, name, bornS, id, masterKey].join('/'))
}
