/**
 * Shard iterators: sealed tokens that say which shard of which stream to read, from where, and when they were issued.
 * They carry the stream's name, so that an answer can still name a stream that is gone, and the shard's birth, so that
 * one of a deleted stream never opens its successor.
 *
 *     version u8 · issued u48 (ms) · account u48 · shard u32 · birth u40 (s) · commit u48 · index u32 · region length u8
 *     · region · name
 */
import { SHARD_ITERATOR_LENGTH_MAX, SHARD_ITERATOR_LIFE_MS } from '@millrace/protocol'
import { assert } from '@millrace/std'

import type { Position } from '../engine/engine.ts'
import type { TokenSeal } from './sealed-token.ts'
import type { StreamKey } from './stream.ts'

export interface ShardIterator {
  readonly stream: StreamKey
  readonly shard: number
  readonly birthS: number
  /** The first record to return, or the place where it will stand. */
  readonly position: Position
  /** Wall clock of the issuing server, ms. */
  readonly issuedMs: number
}

/** Why a token cannot be used. `expired` tells when it was issued, for the text of the error. */
export type IteratorFault = { readonly fault: 'invalid' } | { readonly fault: 'expired'; readonly issuedMs: number }

const PURPOSE = 'shard-iterator'
const VERSION = 1
const FIXED_BYTES = 1 + 6 + 6 + 4 + 5 + 6 + 4 + 1
/** Servers of one cluster may disagree on the time by so much before a token counts as issued in the future. */
const CLOCK_SKEW_MAX_MS = 5_000

export function sealIterator(seal: TokenSeal, iterator: ShardIterator): string {
  const { account, region, name } = iterator.stream
  const regionBytes = Buffer.from(region)
  const bytes = Buffer.alloc(FIXED_BYTES)
  let at = bytes.writeUInt8(VERSION, 0)
  at = bytes.writeUIntBE(iterator.issuedMs, at, 6)
  at = bytes.writeUIntBE(Number(account), at, 6)
  at = bytes.writeUInt32BE(iterator.shard, at)
  at = bytes.writeUIntBE(iterator.birthS, at, 5)
  at = bytes.writeUIntBE(iterator.position.commit, at, 6)
  at = bytes.writeUInt32BE(iterator.position.index, at)
  bytes.writeUInt8(regionBytes.length, at)
  const text = seal.seal(PURPOSE, Buffer.concat([bytes, regionBytes, Buffer.from(name)]))
  assert(text.length <= SHARD_ITERATOR_LENGTH_MAX, `a shard iterator of ${text.length} characters`)
  return text
}

/** Opens what a caller sent. Double quotes around it are tolerated, as AWS does: shells leave them there. */
export function openIterator(seal: TokenSeal, text: string, nowMs: number): ShardIterator | IteratorFault {
  const bytes = openBytes(seal, text)
  if (bytes === undefined) return { fault: 'invalid' }
  const iterator = {
    stream: streamIn(bytes),
    shard: bytes.readUInt32BE(13),
    birthS: bytes.readUIntBE(17, 5),
    position: { commit: bytes.readUIntBE(22, 6), index: bytes.readUInt32BE(28) },
    issuedMs: bytes.readUIntBE(1, 6),
  }
  return iteratorInTime(iterator, nowMs)
}

/** The iterator itself, unless its time is over or yet to come. */
export function iteratorInTime(iterator: ShardIterator, nowMs: number): ShardIterator | IteratorFault {
  const { issuedMs } = iterator
  if (issuedMs > nowMs + CLOCK_SKEW_MAX_MS) return { fault: 'invalid' }
  if (nowMs - issuedMs > SHARD_ITERATOR_LIFE_MS) return { fault: 'expired', issuedMs }
  return iterator
}

/** The stream of an iterator, whatever the time; `undefined` for what is none, at any time. */
export function iteratorStream(seal: TokenSeal, text: string): StreamKey | undefined {
  const bytes = openBytes(seal, text)
  return bytes && streamIn(bytes)
}

function openBytes(seal: TokenSeal, text: string): Buffer | undefined {
  const bare = /^"(.*)"$/s.exec(text)?.[1] ?? text
  const bytes = seal.open(PURPOSE, bare)
  return bytes === undefined || bytes.length < FIXED_BYTES || bytes.readUInt8(0) !== VERSION ? undefined : bytes
}

function streamIn(bytes: Buffer): StreamKey {
  const nameAt = FIXED_BYTES + bytes.readUInt8(FIXED_BYTES - 1)
  return {
    account: String(bytes.readUIntBE(7, 6)).padStart(12, '0'),
    region: bytes.toString('utf8', FIXED_BYTES, nameAt),
    name: bytes.toString('utf8', nameAt),
  }
}
