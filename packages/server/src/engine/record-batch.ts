/**
 * The records of one request, laid out as the parts that an engine stores: grouped by shard, in one arena, each part
 * within its bounds. How one record lies in bytes is record-layout.ts.
 */
import { assert } from '@millrace/std'
import { takeMemory } from '../memory/recycled-memory.ts'
import { type Part, PART_BYTES_MAX, PART_RECORDS_MAX, type ShardRef } from './engine.ts'
import { recordBytes, type RecordSealer, sealBytesOf, utf8Bytes, writeRecord } from './record-layout.ts'

/** The parts of one request, and the way back from a stored record to the entry it came from. */
export interface EncodedParts {
  /** Grouped by shard, shards in order of their first record, the records of each in request order. */
  readonly parts: readonly Part[]
  /** The `entry` given to `add` for record `index` of part number `part`. */
  entryOf(part: number, index: number): number
  /** Where the parts lie, and nothing else. From takeMemory: to be given back when nobody looks at them any more. */
  readonly memory: Uint8Array
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
    const arena = takeMemory(this.#bytes)
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
    assert(offset === this.#bytes, 'records take what was reckoned: what is behind is another request’s')
    const entries = this.#entries
    return {
      parts,
      entryOf(part, index) {
        const first = firstOfPart[part]
        const record = first === undefined ? undefined : order[first + index]
        const entry = record === undefined ? undefined : entries[record]
        // The words are put together only where they are said: this is asked twice for each record of a put.
        if (entry === undefined) assert(false, `part ${part} has no record ${index}`)
        return entry
      },
      memory: arena,
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
  const bytes = takeMemory(recordBytes(keyBytes, explicitHash, data.length, sealBytesOf(sealer)))
  writeRecord(key, keyBytes, explicitHash, data, bytes, 0, shard, sealer)
  return { parts: [{ shard, records: 1, bytes }], memory: bytes, entryOf: () => entry }
}
