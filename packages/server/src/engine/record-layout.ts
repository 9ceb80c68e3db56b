/**
 * The record layout: how a record lies in bytes, from the edge to the disk and back into an answer. The edge lays it
 * out once; below it nobody looks inside.
 *
 * Layout 1, little-endian (docs/formats/record.md):
 *
 *     data length u32 · key length u16 · flags u16 · [explicit hash 16] · [extension length u16 · extension] · key · data
 *
 * Data may be sealed, in as many bytes as it has; then the extension begins with the seal. What a seal is, is known to
 * encryption/ alone.
 *
 * Checksums are not here: the log sums whole frames.
 */
import { AssertionError } from '@millrace/std'
import type { ShardRef } from './engine.ts'

export const HEADER_BYTES = 8
export const HASH_BYTES = 16
export const EXTENSION_LENGTH_BYTES = 2
/** All flags stand in the lower byte of their two. */
export const FLAGS_OFFSET = 6

/** No partition key was given. Not the same as an empty one. */
export const FLAG_KEY_ABSENT = 1
/** The record's explicit hash key, 128 bits big-endian, follows the header. */
export const FLAG_EXPLICIT_HASH = 2
/** A length and that many bytes follow: a seal, and room for a producer id and its counter. */
export const FLAG_EXTENSION = 4
/** The data is sealed, and the extension begins with the seal. */
export const FLAG_SEALED = 8
export const FLAGS_KNOWN = FLAG_KEY_ABSENT | FLAG_EXPLICIT_HASH | FLAG_EXTENSION | FLAG_SEALED

/** Never stored: in an opened frame, the data was sealed and is plain now. */
export const FLAG_OPENED = 16

/** What stands beside sealed data: all that is needed to open it, but the key. */
export const SEAL_BYTES = 32

/** A key length has 16 bits; the API allows 256 characters, at most 1,024 bytes. */
const KEY_BYTES_MAX = 0xffff
/** Up to here a loop over character codes beats the call into native code (docs/decisions/027-record-layout.md). */
const ASCII_LOOP_MAX = 48
/** Up to here a loop over bytes beats `set` (docs/decisions/027-record-layout.md). */
const COPY_LOOP_MAX = 24

/** A record that is being sealed or opened: where it stands in `bytes`, and of which shard it is. */
export interface SealedPlace {
  readonly shard: ShardRef
  readonly bytes: Uint8Array
  readonly offset: number
  /** Of SEAL_BYTES. */
  readonly sealOffset: number
  /** Where the data begins, and what stands in the clear ends. */
  readonly dataOffset: number
}

export interface RecordSealer {
  /** Writes seal and sealed data at their places. What stands before them is laid out already. */
  seal(place: SealedPlace, data: Uint8Array): void
}

export interface RecordOpener {
  /** Puts the plain data in the place of the sealed. False, and nothing happens: it is not what was sealed there. */
  open(place: SealedPlace, dataLength: number): boolean
}

/** Bytes that a record takes when laid out. */
export function recordBytes(keyBytes: number, hash: bigint | undefined, dataBytes: number, sealBytes: number): number {
  return HEADER_BYTES + (hash === undefined ? 0 : HASH_BYTES) + sealBytes + keyBytes + dataBytes
}

/** What sealing adds to a record. */
export function sealBytesOf(sealer: RecordSealer | undefined): number {
  return sealer === undefined ? 0 : EXTENSION_LENGTH_BYTES + SEAL_BYTES
}

/** Lays one record out at `start` of the arena, which has room for it. */
export function writeRecord(
  key: string | undefined,
  keyBytes: number,
  hash: bigint | undefined,
  data: Uint8Array,
  arena: Buffer,
  start: number,
  shard: ShardRef,
  sealer: RecordSealer | undefined,
): void {
  const flags =
    (key === undefined ? FLAG_KEY_ABSENT : 0) |
    (hash === undefined ? 0 : FLAG_EXPLICIT_HASH) |
    (sealer === undefined ? 0 : FLAG_EXTENSION | FLAG_SEALED)
  const dataBytes = data.length
  arena[start] = dataBytes & 0xff
  arena[start + 1] = (dataBytes >>> 8) & 0xff
  arena[start + 2] = (dataBytes >>> 16) & 0xff
  arena[start + 3] = dataBytes >>> 24
  arena[start + 4] = keyBytes & 0xff
  arena[start + 5] = keyBytes >>> 8
  arena[start + FLAGS_OFFSET] = flags
  arena[start + FLAGS_OFFSET + 1] = 0
  let offset = start + HEADER_BYTES
  if (hash !== undefined) {
    arena.writeBigUInt64BE(hash >> 64n, offset)
    arena.writeBigUInt64BE(hash & 0xffff_ffff_ffff_ffffn, offset + 8)
    offset += HASH_BYTES
  }
  if (sealer !== undefined) {
    arena.writeUInt16LE(SEAL_BYTES, offset)
    offset += EXTENSION_LENGTH_BYTES + SEAL_BYTES
  }
  const sealOffset = offset - SEAL_BYTES
  if (key !== undefined) {
    writeKey(key, keyBytes, arena, offset)
    offset += keyBytes
  }
  if (sealer !== undefined) {
    sealer.seal({ shard, bytes: arena, offset: start, sealOffset, dataOffset: offset }, data)
  } else if (dataBytes <= COPY_LOOP_MAX) {
    for (let i = 0; i < dataBytes; i++) arena[offset + i] = data[i] ?? 0
  } else {
    arena.set(data, offset)
  }
}

/** The key's length in UTF-8. */
export function utf8Bytes(key: string): number {
  const length = key.length
  let ascii = length <= ASCII_LOOP_MAX
  for (let i = 0; ascii && i < length; i++) ascii = key.charCodeAt(i) < 0x80
  if (ascii) return length
  const bytes = Buffer.byteLength(key)
  if (bytes > KEY_BYTES_MAX) throw new AssertionError(`a key has at most ${KEY_BYTES_MAX} bytes, not ${bytes}`)
  return bytes
}

/** `bytes` is the key's length in UTF-8: when it equals its length in characters, all of them are ASCII. */
function writeKey(key: string, bytes: number, arena: Buffer, offset: number): void {
  if (bytes === key.length && bytes <= ASCII_LOOP_MAX) {
    for (let i = 0; i < bytes; i++) arena[offset + i] = key.charCodeAt(i)
  } else {
    arena.write(key, offset, bytes, 'utf8')
  }
}
