/**
 * One shard and its lease in memory, for tests of what consumes it: a reader over its records, and a store that keeps the
 * promises of a lease store and notes when somebody breaks those of a checkpointer.
 */
import type { ChildShard } from '@millrace/protocol'
import { type Clock, type Random, randomBelow, sleep } from '@millrace/std'
import {
  compareSequenceNumbers,
  type ExtendedSequenceNumber,
  SHARD_END,
  TRIM_HORIZON,
} from '../extended-sequence-number.ts'
import { type HeldLease, LeaseLostError, type ReleaseReason } from '../leases/held-lease.ts'
import type { Lease, PendingCheckpoint } from '../leases/lease.ts'
import type { ConsumerRecord } from '../record-processor.ts'
import type { ReadBatch, ShardReader } from '../retrieval/shard-reader.ts'
import type { OpenedRecord } from '../shards/invalid-record.ts'

export const CHILDREN: readonly ChildShard[] = [
  { ShardId: 'shardId-1', ParentShards: ['shardId-0'], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' } },
]

export function record(sequence: number, key = 'k', sub = 0, isAggregated = false): ConsumerRecord {
  const data = new Uint8Array(10)
  return {
    sequenceNumber: String(1_000 + sequence),
    subSequenceNumber: sub,
    isAggregated,
    partitionKey: key,
    approximateArrivalTimestamp: 0,
    encryptionType: 'NONE',
    data,
    value: data,
  }
}

export function nameOf({ sequenceNumber, subSequenceNumber }: ExtendedSequenceNumber): string {
  return `${sequenceNumber}/${subSequenceNumber}`
}

export interface FakeShardOptions {
  readonly clock: Clock
  readonly random: Random
  /** In order. */
  readonly records: readonly ConsumerRecord[]
  /** Closed: the end comes behind the records. */
  readonly isClosed: boolean
  /** Records of an answer, at most. Default: 5. */
  readonly batchMax?: number
  /** Until an answer of the reader or the store, ms, at most. Default: 0, at once. */
  readonly delayMaxMs?: number
}

export class FakeShard {
  readonly options: FakeShardOptions
  checkpoint: ExtendedSequenceNumber = TRIM_HORIZON
  pending: PendingCheckpoint | undefined
  epoch = 0
  /** Calls of the store. */
  calls = 0
  /** What the reader was asked for. */
  reads = 0
  readonly bytesDelivered: number[] = []
  /** Told what is about to be stored. */
  onCheckpoint: (checkpoint: ExtendedSequenceNumber) => void = () => {}
  /** Promises of a checkpointer that were broken: what is thrown, it may take for a trouble of the store. */
  readonly violations: string[] = []
  /** Thrown by the next call of the store. */
  failNext: Error | undefined

  readonly #byName: ReadonlyMap<string, ConsumerRecord>

  constructor(options: FakeShardOptions) {
    this.options = options
    this.#byName = new Map(options.records.map((one) => [nameOf(one), one]))
  }

  /** A new term: whoever held the lease has lost it, and learns of it when it asks, or is told. */
  hold(): FakeHeld {
    this.epoch++
    return new FakeHeld(this)
  }

  get lease(): Lease {
    return {
      key: 'stream:1:shardId-0',
      stream: 'stream',
      shardId: 'shardId-0',
      epoch: this.epoch,
      version: 1,
      checkpoint: this.checkpoint,
      pending: this.pending,
      parents: [],
      children: [],
      ownerSwitches: 0,
      paused: false,
    }
  }

  /** Behind the checkpoint; a whole aggregated record is in one answer. */
  reader(): ShardReader & { isDisposed: boolean } {
    const { records, isClosed, batchMax = 5, random, clock } = this.options
    let next = records.findIndex((one) => compareSequenceNumbers(one, this.checkpoint) > 0)
    if (next < 0) next = records.length
    return {
      isDisposed: false,
      next: async (signal) => {
        this.reads++
        await this.delay(signal)
        signal.throwIfAborted()
        if (next === records.length && !isClosed) await sleep(clock, 1_000, signal)
        let end = Math.min(records.length, next + randomBelow(random, batchMax + 1))
        while (end > next && records[end]?.sequenceNumber === records[end - 1]?.sequenceNumber) end++
        const slice = records.slice(next, end)
        next = end
        const isEnd = isClosed && end === records.length
        return answerOf(slice, isEnd)
      },
      async [Symbol.asyncDispose]() {
        this.isDisposed = true
      },
    }
  }

  /** Gives the records that the reader meant. */
  readonly open = ({ records }: ReadBatch): readonly OpenedRecord<Uint8Array>[] =>
    records.map(({ SequenceNumber, PartitionKey = '', Data }) => {
      const [sequenceNumber = '', sub] = SequenceNumber.split('/')
      const one = this.#byName.get(`${sequenceNumber}/${sub}`)
      if (one === undefined) throw new Error(`Nobody put ${SequenceNumber} ${PartitionKey} ${Data.length}.`)
      return one
    })

  async delay(signal?: AbortSignal): Promise<void> {
    const { delayMaxMs = 0, clock, random } = this.options
    if (delayMaxMs > 0) await sleep(clock, randomBelow(random, delayMaxMs), signal)
  }
}

/** A batch as the service gives it: the place of a record inside an aggregated one stands behind a slash. */
export function answerOf(records: readonly ConsumerRecord[], isEnd = false, millisBehindLatest = 0): ReadBatch {
  return {
    records: records.map((one) => ({ SequenceNumber: nameOf(one), PartitionKey: one.partitionKey, Data: one.data })),
    millisBehindLatest,
    isEnd,
    children: isEnd ? CHILDREN : [],
  }
}

export class FakeHeld implements HeldLease {
  readonly lease: Lease
  readonly #shard: FakeShard
  readonly #epoch: number
  readonly #lost = new AbortController()
  readonly #release = new AbortController()
  releaseMs: number | undefined
  #isCalled = false

  constructor(shard: FakeShard) {
    this.#shard = shard
    this.#epoch = shard.epoch
    this.lease = shard.lease
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  get release(): AbortSignal {
    return this.#release.signal
  }

  lose(): void {
    this.#lost.abort(new LeaseLostError(this.lease.key, 'The lease is another worker’s.'))
  }

  askFor(reason: ReleaseReason, withinMs?: number): void {
    this.releaseMs = withinMs
    this.#release.abort(reason)
  }

  async checkpoint(place: ExtendedSequenceNumber, pending?: PendingCheckpoint): Promise<void> {
    await this.#call(() => {
      this.#shard.onCheckpoint(place)
      if (compareSequenceNumbers(place, this.#shard.checkpoint) < 0)
        this.#shard.violations.push(
          `A checkpoint went back from ${nameOf(this.#shard.checkpoint)} to ${nameOf(place)}.`,
        )
      this.#shard.checkpoint = place
      this.#shard.pending = pending
    })
  }

  async beginAt(): Promise<void> {}

  async end(children: readonly ChildShard[]): Promise<void> {
    await this.#call(() => {
      if (children !== CHILDREN) this.#shard.violations.push('The shard’s end was written without its children.')
      this.#shard.onCheckpoint(SHARD_END)
      this.#shard.checkpoint = SHARD_END
      this.#shard.pending = undefined
    })
  }

  delivered(bytes: number): void {
    this.#shard.bytesDelivered.push(bytes)
  }

  async #call(change: () => void): Promise<void> {
    const shard = this.#shard
    shard.calls++
    if (this.#isCalled) shard.violations.push('Two calls of the store are under way for one shard.')
    this.#isCalled = true
    try {
      await shard.delay()
      const failure = shard.failNext
      shard.failNext = undefined
      if (failure !== undefined) throw failure
      if (shard.epoch !== this.#epoch) this.lose()
      if (this.lost.aborted) throw this.lost.reason as Error
      change()
      await shard.delay()
    } finally {
      this.#isCalled = false
    }
  }
}
