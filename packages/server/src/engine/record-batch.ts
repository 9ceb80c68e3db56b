/**
 * The record layout: how the records of one part lie in bytes, from the edge to the disk and back into an answer.
 * The edge lays a record out once; below it nobody looks inside, and readers take views, not copies.
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
import { assert, AssertionError } from '@millrace/std'
import { EngineError, type Part, PART_BYTES_MAX, PART_RECORDS_MAX, type ShardRef, type StoredFrame } from './engine.ts'

const HEADER_BYTES = 8
const HASH_BYTES = 16
const EXTENSION_LENGTH_BYTES = 2
/** All flags stand in the lower byte of their two. */
const FLAGS_OFFSET = 6

/** No partition key was given. Not the same as an empty one. */
const FLAG_KEY_ABSENT = 1
/** The record's explicit hash key, 128 bits big-endian, follows the header. */
const FLAG_EXPLICIT_HASH = 2
/** A length and that many bytes follow: a seal, and room for a producer id and its counter. */
const FLAG_EXTENSION = 4
/** The data is sealed, and the extension begins with the seal. */
const FLAG_SEALED = 8
const FLAGS_KNOWN = FLAG_KEY_ABSENT | FLAG_EXPLICIT_HASH | FLAG_EXTENSION | FLAG_SEALED
/** Why data that was not opened cannot be read. */
export const STILL_SEALED = 'is sealed, and cannot be opened'

/** Never stored: in an opened frame, the data was sealed and is plain now. */
const FLAG_OPENED = 16

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

/** The parts of one request, and the way back from a stored record to the entry it came from. */
export interface EncodedParts {
  /** Grouped by shard, shards in order of their first record, the records of each in request order. */
  readonly parts: readonly Part[]
  /** The `entry` given to `add` for record `index` of part number `part`. */
  entryOf(part: number, index: number): number
}

/**
 * Gathers the routed records of one request and lays them out in one arena. Records are kept in columns: no object
 * per record.
 */
export class PartsEncoder {
  readonly #entries: number[] = []
  readonly #groups: number[] = []
  readonly #keys: (string | undefined)[] = []
  readonly #keyBytes: number[] = []
  readonly #hashes: (bigint | undefined)[] = []
  readonly #data: Uint8Array[] = []
  readonly #groupOfShard = new Map<ShardRef, number>()
  readonly #shards: ShardRef[] = []
  readonly #groupRecords: number[] = []
  readonly #sealer: RecordSealer | undefined
  readonly #sealBytes: number
  #bytes = 0

  /** With a sealer, all data is stored sealed. */
  constructor(sealer?: RecordSealer) {
    this.#sealer = sealer
    this.#sealBytes = sealBytesOf(sealer)
  }

  /**
   * Adds a record. `entry` is the caller's own number for it (its index in the request). The data is not copied
   * before `encode`.
   */
  add(
    entry: number,
    shard: ShardRef,
    key: string | undefined,
    explicitHash: bigint | undefined,
    data: Uint8Array,
  ): void {
    let group = this.#groupOfShard.get(shard)
    if (group === undefined) {
      group = this.#shards.push(shard) - 1
      this.#groupOfShard.set(shard, group)
      this.#groupRecords.push(0)
    }
    const keyBytes = key === undefined ? 0 : utf8Bytes(key)
    this.#entries.push(entry)
    this.#groups.push(group)
    this.#groupRecords[group] = (this.#groupRecords[group] ?? 0) + 1
    this.#keys.push(key)
    this.#keyBytes.push(keyBytes)
    this.#hashes.push(explicitHash)
    this.#data.push(data)
    this.#bytes += recordBytes(keyBytes, explicitHash, data.length, this.#sealBytes)
  }

  /** Records added so far. */
  get records(): number {
    return this.#entries.length
  }

  /** Bytes that the records added so far take when laid out. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Lays everything out. A part ends before the record that would take it over PART_BYTES_MAX or PART_RECORDS_MAX;
   * a record larger than that is a part of its own.
   */
  encode(): EncodedParts {
    const order = this.#orderByShard()
    const arena = Buffer.allocUnsafe(this.#bytes)
    const parts: Part[] = []
    const firstOfPart: number[] = []
    let offset = 0
    let partOffset = 0
    let partFirst = 0
    let partGroup = -1
    const finishPart = (end: number): void => {
      if (end === partFirst) return
      const shard = this.#shards[partGroup]
      assert(shard !== undefined, 'every part belongs to a shard that was added')
      parts.push({ shard, records: end - partFirst, bytes: arena.subarray(partOffset, offset) })
      firstOfPart.push(partFirst)
      partFirst = end
      partOffset = offset
    }
    for (let i = 0; i < order.length; i++) {
      const record = order[i] ?? 0
      const group = this.#groups[record] ?? 0
      const end = offset + this.#sizeOf(record)
      if (group !== partGroup || end - partOffset > PART_BYTES_MAX || i - partFirst === PART_RECORDS_MAX) {
        finishPart(i)
        partGroup = group
      }
      this.#write(record, arena, offset)
      offset = end
    }
    finishPart(order.length)
    const entries = this.#entries
    return {
      parts,
      entryOf(part, index) {
        const first = firstOfPart[part]
        const record = first === undefined ? undefined : order[first + index]
        const entry = record === undefined ? undefined : entries[record]
        assert(entry !== undefined, `part ${part} has no record ${index}`)
        return entry
      },
    }
  }

  /** Record numbers sorted by shard, each shard's in the order of adding: a counting sort. */
  #orderByShard(): Uint32Array {
    const order = new Uint32Array(this.#entries.length)
    const next = new Uint32Array(this.#shards.length)
    let sum = 0
    for (let group = 0; group < next.length; group++) {
      next[group] = sum
      sum += this.#groupRecords[group] ?? 0
    }
    for (let record = 0; record < order.length; record++) {
      const group = this.#groups[record] ?? 0
      const at = next[group] ?? 0
      order[at] = record
      next[group] = at + 1
    }
    return order
  }

  #sizeOf(record: number): number {
    const dataBytes = this.#data[record]?.length ?? 0
    return recordBytes(this.#keyBytes[record] ?? 0, this.#hashes[record], dataBytes, this.#sealBytes)
  }

  #write(record: number, arena: Buffer, start: number): void {
    const data = this.#data[record]
    assert(data !== undefined, 'a record has data')
    const sealer = this.#sealer
    const shard = sealer === undefined ? 0 : (this.#shards[this.#groups[record] ?? 0] ?? 0)
    writeRecord(
      this.#keys[record],
      this.#keyBytes[record] ?? 0,
      this.#hashes[record],
      data,
      arena,
      start,
      shard,
      sealer,
    )
  }
}

/** What PartsEncoder gives for a single record, without its columns: they cost more than the record. */
export function encodeOne(
  entry: number,
  shard: ShardRef,
  key: string | undefined,
  explicitHash: bigint | undefined,
  data: Uint8Array,
  sealer?: RecordSealer,
): EncodedParts {
  const keyBytes = key === undefined ? 0 : utf8Bytes(key)
  const bytes = Buffer.allocUnsafe(recordBytes(keyBytes, explicitHash, data.length, sealBytesOf(sealer)))
  writeRecord(key, keyBytes, explicitHash, data, bytes, 0, shard, sealer)
  return { parts: [{ shard, records: 1, bytes }], entryOf: () => entry }
}

function recordBytes(keyBytes: number, hash: bigint | undefined, dataBytes: number, sealBytes: number): number {
  return HEADER_BYTES + (hash === undefined ? 0 : HASH_BYTES) + sealBytes + keyBytes + dataBytes
}

/** What sealing adds to a record. */
function sealBytesOf(sealer: RecordSealer | undefined): number {
  return sealer === undefined ? 0 : EXTENSION_LENGTH_BYTES + SEAL_BYTES
}

function writeRecord(
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
function utf8Bytes(key: string): number {
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

/**
 * Walks the records of a stored frame. `next` moves on to the following record and says whether there is one; the
 * fields then tell of that record, as offsets into `bytes`, and the getters as values.
 *
 * Every length is checked against the frame before it is used: a layout that does not add up is an EngineError
 * `damaged`, whatever the bytes are.
 */
export class RecordReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #frame: StoredFrame
  readonly #flagsKnown: number
  #read = 0
  #end = 0
  #flags = 0
  #hashOffset = 0
  /** Index of the current record in its commit. */
  index = -1
  /** Where the current record begins. */
  offset = 0
  keyOffset = 0
  /** 0 when the key is empty, and also when it is absent: see `hasKey`. */
  keyLength = 0
  dataOffset = 0
  dataLength = 0
  /** Where the seal stands, if `isSealed`. */
  sealOffset = 0

  /** Records of the frame below index `fromIndex` are passed over by the first `next`. */
  constructor(frame: StoredFrame, fromIndex = 0) {
    this.bytes = frame.bytes
    this.#frame = frame
    this.#flagsKnown = frame.isOpened === true ? FLAGS_KNOWN | FLAG_OPENED : FLAGS_KNOWN
    this.#view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.byteLength)
    while (this.#read < frame.records && frame.firstIndex + this.#read < fromIndex) this.#step()
  }

  next(): boolean {
    if (this.#read === this.#frame.records) {
      if (this.#end !== this.bytes.length) this.#damaged(`ends at byte ${this.#end} of ${this.bytes.length}`)
      return false
    }
    this.#step()
    return true
  }

  get hasKey(): boolean {
    return (this.#flags & FLAG_KEY_ABSENT) === 0
  }

  /** The partition key, or `undefined` if the record has none. */
  get key(): string | undefined {
    if (!this.hasKey) return undefined
    const { buffer, byteOffset } = this.bytes
    return Buffer.from(buffer, byteOffset + this.keyOffset, this.keyLength).toString('utf8')
  }

  /** The data cannot be read as it stands. */
  get isSealed(): boolean {
    return (this.#flags & FLAG_SEALED) !== 0
  }

  /**
   * Whether the data was stored sealed. To be asked before it is read: data that is sealed still, because it is not what
   * was sealed there or because nobody here knows its key, is an EngineError `damaged`.
   */
  get isEncrypted(): boolean {
    const flags = this.#flags
    if ((flags & (FLAG_SEALED | FLAG_OPENED)) === 0) return false
    if ((flags & FLAG_SEALED) !== 0) this.#damaged(STILL_SEALED)
    return true
  }

  get explicitHash(): bigint | undefined {
    if ((this.#flags & FLAG_EXPLICIT_HASH) === 0) return undefined
    return (this.#view.getBigUint64(this.#hashOffset) << 64n) | this.#view.getBigUint64(this.#hashOffset + 8)
  }

  /** A view of the data: lent as long as the frame is. */
  get data(): Uint8Array {
    return this.bytes.subarray(this.dataOffset, this.dataOffset + this.dataLength)
  }

  #step(): void {
    const start = this.#end
    const length = this.bytes.length
    this.index = this.#frame.firstIndex + this.#read
    if (start + HEADER_BYTES > length) this.#damaged(`begins at byte ${start} of ${length}: no room for its header`)
    const dataLength = this.#view.getUint32(start, true)
    const keyLength = this.#view.getUint16(start + 4, true)
    const flags = this.#view.getUint16(start + 6, true)
    if ((flags & ~this.#flagsKnown) !== 0) this.#damaged(`has flags 0x${flags.toString(16)}, not all of them known`)
    if ((flags & FLAG_KEY_ABSENT) !== 0 && keyLength !== 0) this.#damaged(`has no key, but a key of ${keyLength} bytes`)
    let offset = start + HEADER_BYTES
    this.#hashOffset = offset
    if ((flags & FLAG_EXPLICIT_HASH) !== 0) offset += HASH_BYTES
    if ((flags & FLAG_EXTENSION) !== 0) {
      if (offset + EXTENSION_LENGTH_BYTES > length) this.#damaged(`has no room for its extension at byte ${offset}`)
      const extensionLength = this.#view.getUint16(offset, true)
      offset += EXTENSION_LENGTH_BYTES
      this.sealOffset = offset
      if ((flags & FLAG_SEALED) !== 0 && extensionLength < SEAL_BYTES)
        this.#damaged(`is sealed, with a seal of ${extensionLength} bytes`)
      offset += extensionLength
    } else if ((flags & FLAG_SEALED) !== 0) {
      this.#damaged('is sealed, without a seal')
    }
    this.#end = offset + keyLength + dataLength
    if (this.#end > length) this.#damaged(`ends at byte ${this.#end}, beyond the ${length} bytes of its frame`)
    this.offset = start
    this.#flags = flags
    this.keyOffset = offset
    this.keyLength = keyLength
    this.dataOffset = offset + keyLength
    this.dataLength = dataLength
    this.#read++
  }

  #damaged(found: string): never {
    throw new EngineError('damaged', `record ${this.index} of commit ${this.#frame.commit} ${found}`)
  }
}

/** Says, of a frame that is a copy of one's own, that the data of a record is plain now. */
export function markOpened(bytes: Uint8Array, offset: number): void {
  const flags = bytes[offset + FLAGS_OFFSET] ?? 0
  bytes[offset + FLAGS_OFFSET] = (flags & ~FLAG_SEALED) | FLAG_OPENED
}
