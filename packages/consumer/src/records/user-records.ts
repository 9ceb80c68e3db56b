/**
 * What producers put, from what a shard stores: aggregated records are opened (their MD5 is checked; what fails it stands
 * for itself), and each user record is judged alone. After a reshard an aggregated record may hold some that belong
 * to other shards: the producer library puts those again where they belong, so they are dropped here, and counted.
 */
import { decodeAggregatedRecord, HASH_KEY_MAX, hashKeyOf, type StreamRecord, type UserRecord } from '@millrace/protocol'
import { compareSequenceNumbers, type ExtendedSequenceNumber, isSentinel } from '../extended-sequence-number.ts'
import type { ConsumerRecord } from '../record-processor.ts'

export type DropReason =
  /** Of another shard's hash keys. */
  | 'out-of-range'
  /** At or before the checkpoint that reading began with. */
  | 'done'

export interface UserRecordsOptions {
  /** The shard's. Decimal, inclusive. Absent: of the whole key space. */
  readonly hashKeyRange?: { readonly starting: string; readonly ending: string } | undefined
  /** Give user records out of range as well: where producers aggregate for several shards and put nothing again. Default: false. */
  readonly keepsOutOfRange?: boolean | undefined
  /** Where the lease's checkpoint stood when reading began: what it covers was processed. */
  readonly checkpoint: ExtendedSequenceNumber
  /** For metrics: so many records of a batch were dropped. */
  readonly onDropped: (reason: DropReason, records: number) => void
}

export class UserRecords {
  readonly #range: { readonly first: bigint; readonly last: bigint } | undefined
  readonly #onDropped: UserRecordsOptions['onDropped']
  /** Until a record behind it was seen. */
  #checkpoint: ExtendedSequenceNumber | undefined

  /** Throws a SyntaxError for a range that is not made of decimal digits. */
  constructor({ hashKeyRange, keepsOutOfRange = false, checkpoint, onDropped }: UserRecordsOptions) {
    if (hashKeyRange !== undefined && !keepsOutOfRange) {
      const range = { first: BigInt(hashKeyRange.starting), last: BigInt(hashKeyRange.ending) }
      if (range.first > 0n || range.last < HASH_KEY_MAX) this.#range = range
    }
    this.#checkpoint = isSentinel(checkpoint) ? undefined : checkpoint
    this.#onDropped = onDropped
  }

  /** Batches must come in the shard's order. `value` is `data`. */
  open(stored: readonly StreamRecord[]): readonly ConsumerRecord[] {
    const opened: ConsumerRecord[] = []
    const dropped: Record<DropReason, number> = { 'out-of-range': 0, done: 0 }
    for (const record of stored) {
      const users = decodeAggregatedRecord(record.Data)
      if (users === undefined) this.#add(consumerRecord(record, undefined, 0), opened, dropped)
      else this.#addUsers(record, users, opened, dropped)
    }
    if (dropped.done > 0) this.#onDropped('done', dropped.done)
    if (dropped['out-of-range'] > 0) this.#onDropped('out-of-range', dropped['out-of-range'])
    return opened
  }

  #addUsers(
    record: StreamRecord,
    users: readonly UserRecord[],
    opened: ConsumerRecord[],
    dropped: Record<DropReason, number>,
  ): void {
    // Producers write each key once: many user records share a few.
    const ours = new Map<string, boolean>()
    const isOurs = ({ explicitHashKey, partitionKey }: UserRecord): boolean => {
      const range = this.#range
      if (range === undefined) return true
      const name = explicitHashKey === undefined ? `k${partitionKey}` : `h${explicitHashKey}`
      let found = ours.get(name)
      if (found === undefined) {
        const hashKey = explicitHashKeyOf(explicitHashKey) ?? hashKeyOf(partitionKey)
        found = range.first <= hashKey && hashKey <= range.last
        ours.set(name, found)
      }
      return found
    }
    for (const [place, user] of users.entries()) {
      if (isOurs(user)) this.#add(consumerRecord(record, user, place), opened, dropped)
      else dropped['out-of-range']++
    }
  }

  #add(record: ConsumerRecord, opened: ConsumerRecord[], dropped: Record<DropReason, number>): void {
    if (this.#checkpoint !== undefined) {
      if (compareSequenceNumbers(record, this.#checkpoint) <= 0) {
        dropped.done++
        return
      }
      this.#checkpoint = undefined
    }
    opened.push(record)
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
