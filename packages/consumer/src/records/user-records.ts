/**
 * What producers put, from what a shard stores: aggregated records are opened (their MD5 is checked; what fails it stands
 * for itself), and each user record is judged alone. After a reshard an aggregated record may hold some that belong
 * to other shards: the producer library puts those again where they belong, so they are dropped here, and counted.
 */
import { decodeAggregatedRecord, HASH_KEY_MAX, hashKeyOf, type StreamRecord, type UserRecord } from '@millrace/protocol'
import { compareSequenceNumbers, type ExtendedSequenceNumber, isSentinel } from '../extended-sequence-number.ts'
import type { ConsumerRecord } from '../record-processor.ts'
import type { ReadBatch } from '../retrieval/shard-reader.ts'
import { InvalidRecord, type OpenedRecord, type OpenRecords } from '../shards/invalid-record.ts'
import type { RecordSchema } from './record-schema.ts'

export type DropReason =
  /** Of another shard's hash keys. */
  | 'out-of-range'
  /** At or before the checkpoint that reading began with. */
  | 'done'

export interface UserRecordsOptions<Value> {
  /** The shard's. Decimal, inclusive. Absent: of the whole key space. */
  readonly hashKeyRange?: { readonly starting: string; readonly ending: string } | undefined
  /** Give user records out of range as well: where producers aggregate for several shards and put nothing again. Default: false. */
  readonly keepsOutOfRange?: boolean | undefined
  /** Where the lease's checkpoint stood when reading began: what it covers was processed. */
  readonly checkpoint: ExtendedSequenceNumber
  /** Makes the records' values. Absent: a value is the data. */
  readonly schema?: RecordSchema<Value> | undefined
  /** For metrics: so many records of a batch were dropped. */
  readonly onDropped: (reason: DropReason, records: number) => void
}

/** One for each reading of a shard. */
export class UserRecords<Value = Uint8Array> {
  readonly #range: { readonly first: bigint; readonly last: bigint } | undefined
  readonly #schema: RecordSchema<Value> | undefined
  readonly #onDropped: UserRecordsOptions<Value>['onDropped']
  /** Until a record behind it was seen. */
  #checkpoint: ExtendedSequenceNumber | undefined

  /** Throws a SyntaxError for a range that is not made of decimal digits. */
  constructor({ hashKeyRange, keepsOutOfRange = false, checkpoint, schema, onDropped }: UserRecordsOptions<Value>) {
    if (hashKeyRange !== undefined && !keepsOutOfRange) {
      const range = { first: BigInt(hashKeyRange.starting), last: BigInt(hashKeyRange.ending) }
      if (range.first > 0n || range.last < HASH_KEY_MAX) this.#range = range
    }
    this.#checkpoint = isSentinel(checkpoint) ? undefined : checkpoint
    this.#schema = schema
    this.#onDropped = onDropped
  }

  /** Batches must come in the shard's order. A promise where the schema's values are. */
  open({ records }: Pick<ReadBatch, 'records'>): ReturnType<OpenRecords<Value>> {
    const opened: (OpenedRecord<Value> | Promise<OpenedRecord<Value>>)[] = []
    let isAsync = false
    let outOfRange = 0
    let done = 0
    const open = (record: ConsumerRecord): void => {
      const typed = this.#typed(record)
      isAsync ||= typed instanceof Promise
      opened.push(typed)
    }
    for (const stored of records) {
      const users = decodeAggregatedRecord(stored.Data)
      if (users === undefined) {
        const record = consumerRecord(stored, undefined, 0)
        if (this.#isDone(record)) done++
        else open(record)
        continue
      }
      const isOurs = this.#judge()
      for (const [place, user] of users.entries()) {
        const record = consumerRecord(stored, user, place)
        if (this.#isDone(record)) done++
        else if (!isOurs(user)) outOfRange++
        else open(record)
      }
    }
    if (done > 0) this.#onDropped('done', done)
    if (outOfRange > 0) this.#onDropped('out-of-range', outOfRange)
    return isAsync ? Promise.all(opened) : (opened as OpenedRecord<Value>[])
  }

  /** For one aggregated record: producers write each key once, and many user records share it. */
  #judge(): (user: UserRecord) => boolean {
    const range = this.#range
    if (range === undefined) return () => true
    const known = new Map<string, boolean>()
    return ({ explicitHashKey, partitionKey }) => {
      const name = explicitHashKey === undefined ? `key ${partitionKey}` : `hash ${explicitHashKey} ${partitionKey}`
      let isOurs = known.get(name)
      if (isOurs === undefined) {
        const hashKey = explicitHashKeyOf(explicitHashKey) ?? hashKeyOf(partitionKey)
        isOurs = range.first <= hashKey && hashKey <= range.last
        known.set(name, isOurs)
      }
      return isOurs
    }
  }

  #isDone(record: ExtendedSequenceNumber): boolean {
    if (this.#checkpoint === undefined) return false
    if (compareSequenceNumbers(record, this.#checkpoint) <= 0) return true
    this.#checkpoint = undefined
    return false
  }

  #typed(record: ConsumerRecord): OpenedRecord<Value> | Promise<OpenedRecord<Value>> {
    // Without a schema, `Value` is what `ConsumerRecord` has: the data.
    if (this.#schema === undefined) return record as ConsumerRecord<unknown> as ConsumerRecord<Value>
    try {
      const value = this.#schema.parse(record.data, record)
      return isPromise(value) ? awaited(record, value) : { ...record, value }
    } catch (error) {
      return new InvalidRecord(record, error)
    }
  }
}

/** Of whatever kind: promises of other realms and libraries, too. */
function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof (value as Partial<Promise<Value>> | null | undefined)?.then === 'function'
}

async function awaited<Value>(record: ConsumerRecord, value: Promise<Value>): Promise<OpenedRecord<Value>> {
  try {
    return { ...record, value: await value }
  } catch (error) {
    return new InvalidRecord(record, error)
  }
}

function consumerRecord(stored: StreamRecord, user: UserRecord | undefined, subSequenceNumber: number): ConsumerRecord {
  const data = user?.data ?? stored.Data
  return {
    sequenceNumber: stored.SequenceNumber,
    subSequenceNumber,
    isAggregated: user !== undefined,
    partitionKey: user?.partitionKey ?? stored.PartitionKey ?? '',
    explicitHashKey: user?.explicitHashKey,
    approximateArrivalTimestamp: stored.ApproximateArrivalTimestamp ?? 0,
    encryptionType: stored.EncryptionType ?? 'NONE',
    data,
    value: data,
  }
}

/** `undefined` for none, and for what no service would take: such a record went by its partition key, if anything. */
function explicitHashKeyOf(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,38})$/.test(text)) return undefined
  const hashKey = BigInt(text)
  return hashKey > HASH_KEY_MAX ? undefined : hashKey
}
