/**
 * One stream behind the `Kinesis` port, in memory: shards with lineage, token buckets on the caller's clock, and
 * troubles on demand. It knows only what the tests of this package need.
 */
import {
  GetRecords,
  type GetRecordsInput,
  type GetRecordsOutput,
  GetShardIterator,
  type GetShardIteratorInput,
  HASH_KEY_MAX,
  hashKeyOf,
  ListShards,
  type ListShardsOutput,
  type Operation,
  PutRecords,
  type PutRecordsInput,
  type PutRecordsOutput,
  type Shard,
  shardIdOf,
  type StreamRecord,
  type SubscribeToShardEvent,
  type SubscribeToShardInput,
} from '@millrace/protocol'
import { sleep, TokenBucket } from '@millrace/std'
import type { VirtualClock } from '@millrace/std/testing'
import type { Kinesis, KinesisCall } from '../kinesis.ts'

interface FakeShard {
  readonly id: string
  readonly first: bigint
  readonly last: bigint
  readonly parents: readonly string[]
  readonly records: StreamRecord[]
  readonly writes: TokenBucket
  open: boolean
}

export interface FakeStreamOptions {
  readonly clock: VirtualClock
  readonly shards: number
  /** Records per second and shard; a record larger than others costs as many as its first byte says. Default: any. */
  readonly writeRecords?: number
  /** Whether entries behind a refused one of their shard may still be taken. Default: they are refused, too. */
  readonly overtaking?: boolean
  /** Leave `ChildShards` out, as old servers do. */
  readonly withoutChildShards?: boolean
}

/** An error that says of itself what the client's errors say. */
export class FakeError extends Error {
  override readonly name = 'KinesisServiceError'
  readonly type: string
  readonly retryable: boolean

  constructor(type: string, retryable: boolean) {
    super(type)
    this.type = type
    this.retryable = retryable
  }
}

export class FakeStream implements Kinesis {
  readonly #options: FakeStreamOptions
  readonly #shards: FakeShard[] = []
  /** Thrown by the next calls, one each. */
  readonly troubles: Error[] = []
  readonly calls: string[] = []
  /** Events that a subscription gives before it ends, as after five minutes. */
  subscriptionEvents = Infinity
  /** Called before each call is served. */
  onCall: (operation: string) => void = () => undefined
  #serial = 0
  #inFlight = new Map<string, number>()
  /** The most PutRecords at once that held the same key. */
  keysInFlightMax = 0

  constructor(options: FakeStreamOptions) {
    this.#options = options
    const width = (HASH_KEY_MAX + 1n) / BigInt(options.shards)
    for (let i = 0; i < options.shards; i++) {
      const last = i === options.shards - 1 ? HASH_KEY_MAX : width * BigInt(i + 1) - 1n
      this.#addShard(width * BigInt(i), last, [])
    }
  }

  get shardStarts(): readonly bigint[] {
    return this.#shards.filter((shard) => shard.open).map((shard) => shard.first)
  }

  /** All records of the stream, parents before children. */
  get stored(): readonly StreamRecord[] {
    return this.#shards.flatMap((shard) => shard.records)
  }

  /** Indexes of the open shards. */
  get openShards(): readonly number[] {
    return [...this.#shards.keys()].filter((index) => this.#shards[index]?.open === true)
  }

  /** The open shard right above `index`, if there is one. */
  neighbourOf(index: number): number | undefined {
    const last = this.#shards[index]?.last ?? 0n
    const above = this.#shards.findIndex((shard) => shard.open && shard.first === last + 1n)
    return above === -1 ? undefined : above
  }

  put(key: string, text: string): void {
    this.#append(this.#shardFor(hashKeyOf(key)), key, Buffer.from(text))
  }

  split(index: number): void {
    const shard = this.#close(index)
    const middle = (shard.first + shard.last) / 2n
    this.#addShard(shard.first, middle, [shard.id])
    this.#addShard(middle + 1n, shard.last, [shard.id])
  }

  merge(index: number, other: number): void {
    const [a, b] = [this.#close(index), this.#close(other)]
    this.#addShard(a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last, [a.id, b.id])
  }

  async send<I, O>(operation: Operation<I, O>, input: I, options: KinesisCall = {}): Promise<O> {
    this.calls.push(operation.name)
    // As over a network: the answer comes later, and others run meanwhile.
    await new Promise<void>((resolve) => void setImmediate(resolve))
    options.signal?.throwIfAborted()
    this.onCall(operation.name)
    const trouble = this.troubles.shift()
    if (trouble !== undefined) throw trouble
    return (await this.#serve(operation.name, input)) as O
  }

  async *pages<I, O>(operation: Operation<I, O>, input: I, options?: KinesisCall): AsyncGenerator<O> {
    yield await this.send(operation, input, options)
  }

  async *subscribeToShard(
    { ShardId, StartingPosition }: SubscribeToShardInput,
    options: KinesisCall = {},
  ): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
    const { clock } = this.#options
    const { Type: ShardIteratorType, SequenceNumber, Timestamp } = StartingPosition
    const shard = { StreamName: 's', ShardId, ShardIteratorType, StartingSequenceNumber: SequenceNumber, Timestamp }
    let { ShardIterator } = await this.send(GetShardIterator, shard, options)
    let number = SequenceNumber ?? '0'
    for (let events = 0; events < this.subscriptionEvents; events++) {
      const page = await this.send(GetRecords, { ShardIterator: ShardIterator ?? '' }, options)
      number = page.Records.at(-1)?.SequenceNumber ?? number
      ShardIterator = page.NextShardIterator
      const rest = { MillisBehindLatest: page.MillisBehindLatest ?? 0, Records: page.Records }
      if (ShardIterator === undefined) {
        yield { ...rest, ChildShards: page.ChildShards ?? [] }
        return
      }
      yield { ...rest, ContinuationSequenceNumber: number }
      if (page.MillisBehindLatest === 0) await sleep(clock, 1000, options.signal)
    }
  }

  async #serve(name: string, input: unknown): Promise<unknown> {
    switch (name) {
      case ListShards.name:
        return { Shards: this.#shards.map(describe) } satisfies ListShardsOutput
      case PutRecords.name:
        return this.#putRecords(input as PutRecordsInput)
      case GetShardIterator.name:
        return { ShardIterator: this.#iteratorFor(input as GetShardIteratorInput) }
      case GetRecords.name:
        return this.#getRecords(input as GetRecordsInput)
      default:
        throw new Error(`the fake stream does not know ${name}`)
    }
  }

  async #putRecords({ Records }: PutRecordsInput): Promise<PutRecordsOutput> {
    const keys = new Set(Records.map((entry) => entry.PartitionKey ?? ''))
    for (const key of keys) {
      const now = (this.#inFlight.get(key) ?? 0) + 1
      this.#inFlight.set(key, now)
      this.keysInFlightMax = Math.max(this.keysInFlightMax, now)
    }
    await new Promise<void>((resolve) => void setImmediate(resolve))
    for (const key of keys) this.#inFlight.set(key, (this.#inFlight.get(key) ?? 1) - 1)
    const full = new Set<FakeShard>()
    const results = Records.map((entry) => {
      const key = entry.PartitionKey ?? ''
      const shard = this.#shardFor(hashKeyOf(key))
      const cost = entry.Data.length > 100 ? (entry.Data[0] ?? 1) : 1
      const behind = full.has(shard) && this.#options.overtaking !== true
      if (behind || !shard.writes.take(cost, this.#options.clock.monotonic())) {
        full.add(shard)
        return { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: `Rate exceeded for ${shard.id}` }
      }
      if (key === 'poison') return { ErrorCode: 'KMSAccessDeniedException', ErrorMessage: 'no key' }
      return { ShardId: shard.id, SequenceNumber: this.#append(shard, key, entry.Data) }
    })
    return { FailedRecordCount: results.filter((result) => 'ErrorCode' in result).length, Records: results }
  }

  #iteratorFor(input: GetShardIteratorInput): string {
    const shard = this.#shards.find(({ id }) => id === input.ShardId)
    if (shard === undefined) throw new FakeError('ResourceNotFoundException', false)
    const { records } = shard
    const find = (wanted: (record: StreamRecord) => boolean): number => {
      const index = records.findIndex(wanted)
      return index === -1 ? records.length : index
    }
    const number = BigInt(input.StartingSequenceNumber ?? '0')
    const start = {
      TRIM_HORIZON: () => 0,
      LATEST: () => records.length,
      AT_TIMESTAMP: () => find((record) => (record.ApproximateArrivalTimestamp ?? 0) >= (input.Timestamp ?? 0)),
      AT_SEQUENCE_NUMBER: () => find((record) => BigInt(record.SequenceNumber) >= number),
      AFTER_SEQUENCE_NUMBER: () => find((record) => BigInt(record.SequenceNumber) > number),
    }[input.ShardIteratorType]()
    return `${shard.id}/${start}`
  }

  #getRecords({ ShardIterator }: GetRecordsInput): GetRecordsOutput {
    const [id, at] = ShardIterator.split('/')
    const shard = this.#shards.find((each) => each.id === id)
    if (shard === undefined) throw new FakeError('ResourceNotFoundException', false)
    const from = Number(at)
    const page = shard.records.slice(from, from + PAGE_RECORDS)
    const next = from + page.length
    const atEnd = next === shard.records.length
    if (atEnd && !shard.open) {
      const children = this.#shards.filter(({ parents }) => parents.includes(shard.id))
      const ChildShards = children.map((child) => ({
        ShardId: child.id,
        ParentShards: child.parents,
        HashKeyRange: describe(child).HashKeyRange,
      }))
      return {
        Records: page,
        MillisBehindLatest: 0,
        ...(this.#options.withoutChildShards === true ? {} : { ChildShards }),
      }
    }
    return { Records: page, MillisBehindLatest: atEnd ? 0 : 1000, NextShardIterator: `${shard.id}/${next}` }
  }

  #append(shard: FakeShard, key: string, data: Uint8Array): string {
    const SequenceNumber = String(++this.#serial)
    shard.records.push({
      SequenceNumber,
      PartitionKey: key,
      Data: data,
      ApproximateArrivalTimestamp: this.#options.clock.now(),
    })
    return SequenceNumber
  }

  #shardFor(hashKey: bigint): FakeShard {
    const shard = this.#shards.find((each) => each.open && each.first <= hashKey && hashKey <= each.last)
    if (shard === undefined) throw new Error('no open shard: the fake is broken')
    return shard
  }

  #addShard(first: bigint, last: bigint, parents: readonly string[]): void {
    const { writeRecords: rate = 1e9, clock } = this.#options
    const writes = new TokenBucket(rate, rate, clock.monotonic())
    this.#shards.push({ id: shardIdOf(this.#shards.length), first, last, parents, records: [], writes, open: true })
  }

  #close(index: number): FakeShard {
    const shard = this.#shards[index]
    if (shard === undefined || !shard.open) throw new Error(`shard ${index} is not open`)
    shard.open = false
    return shard
  }
}

/** Small, so that a few records make several reads. */
const PAGE_RECORDS = 3

function describe(shard: FakeShard): Shard {
  const [ParentShardId, AdjacentParentShardId] = shard.parents
  return {
    ShardId: shard.id,
    ...(ParentShardId === undefined ? {} : { ParentShardId }),
    ...(AdjacentParentShardId === undefined ? {} : { AdjacentParentShardId }),
    HashKeyRange: { StartingHashKey: String(shard.first), EndingHashKey: String(shard.last) },
    SequenceNumberRange: { StartingSequenceNumber: '0', ...(shard.open ? {} : { EndingSequenceNumber: '9999999' }) },
  }
}

/** Lets everything that can run do so, and moves the clock to the next timer whenever nothing can. */
export async function runOnVirtualTime<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  const state = { isSettled: false }
  const done = (): void => {
    state.isSettled = true
  }
  work.then(done, done)
  while (!state.isSettled) {
    for (let turns = 0; turns < IDLE_TURNS && !state.isSettled; turns++) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
    if (!state.isSettled && clock.nextDueMs !== undefined) clock.advance(clock.nextDueMs - clock.monotonic())
  }
  return work
}

/** Turns of the event loop after which only time can move anything: a call takes three. */
const IDLE_TURNS = 8
