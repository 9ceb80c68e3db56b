/**
 * Streams as the service keeps them, in memory: shards that split and merge, records in order, iterators, subscriptions. What a fleet is
 * simulated against: exact where the consumer looks, and cheap.
 */
import {
  type ChildShard,
  HASH_KEY_MAX,
  type GetRecordsOutput,
  hashKeyOf,
  type Shard,
  type ShardIteratorType,
  shardIdOf,
  streamArn,
  type StreamRecord,
  type SubscribeToShardEvent,
  type SubscribeToShardInput,
} from '@millrace/protocol'
import type { Clock, Random } from '@millrace/std'
import type { StreamService } from '../service.ts'
import { brokenConnection, serviceError } from './service-errors.ts'
import { type PushedPage, SimulatedSubscriptions } from './simulated-subscriptions.ts'

interface SimulatedShard {
  readonly id: string
  readonly first: bigint
  readonly last: bigint
  readonly parents: readonly string[]
  readonly records: StreamRecord[]
  readonly begin: bigint
  end?: bigint
}

export interface SimulatedStreamOptions {
  /** Until a subscription ends, ms. Default: five minutes, as the service has it. */
  readonly subscriptionMs?: number | undefined
  /** Of its sequence numbers. Default: 10^40. */
  readonly firstNumber?: bigint | undefined
  /** Whose it is. Default: 000000000000. */
  readonly account?: string | undefined
}

/** How often calls fail, 0 to 1. */
export interface ServiceTroubles {
  readonly throttled: number
  readonly broken: number
}

/** Of one event. */
const PUSHED_RECORDS_MAX = 50
const HOME_ACCOUNT = '000000000000'
const FIRST_NUMBER = 10n ** 40n

export class SimulatedStream {
  readonly name: string
  readonly arn: string
  readonly createdAtMs: number
  readonly #clock: Clock
  readonly #shards: SimulatedShard[] = []
  /** All of them ACTIVE. */
  readonly #consumers = new Set<string>()
  readonly #subscriptions: SimulatedSubscriptions
  #next: bigint
  /** Nothing of it is found any more. */
  isDeleted = false

  constructor(name: string, shards: number, clock: Clock, options: SimulatedStreamOptions = {}) {
    this.name = name
    this.arn = streamArn({ account: options.account ?? HOME_ACCOUNT, region: 'us-east-1', name })
    this.#subscriptions = new SimulatedSubscriptions(clock, options.subscriptionMs)
    this.#next = options.firstNumber ?? FIRST_NUMBER
    this.#clock = clock
    this.createdAtMs = clock.now()
    const width = (HASH_KEY_MAX + 1n) / BigInt(shards)
    for (let i = 0; i < shards; i++) {
      const first = BigInt(i) * width
      this.#add(first, i === shards - 1 ? HASH_KEY_MAX : first + width - 1n, [])
    }
  }

  get open(): readonly string[] {
    return this.#shards.filter(({ end }) => end === undefined).map(({ id }) => id)
  }

  get shards(): readonly { readonly id: string; readonly parents: readonly string[] }[] {
    return this.#shards
  }

  put(partitionKey: string, data: Uint8Array): { readonly shardId: string; readonly record: StreamRecord } {
    const hashKey = hashKeyOf(partitionKey)
    const shard = this.#shards.find(({ end, first, last }) => end === undefined && first <= hashKey && hashKey <= last)
    if (shard === undefined) throw new Error('the key space has a hole')
    const record: StreamRecord = {
      SequenceNumber: String(this.#next++),
      PartitionKey: partitionKey,
      Data: data,
      ApproximateArrivalTimestamp: this.#clock.now(),
    }
    shard.records.push(record)
    this.#subscriptions.wake(shard.id)
    return { shardId: shard.id, record }
  }

  /** Its records are older than the retention: it is not listed, nor read, any more. */
  expire(shardId: string): void {
    this.#shards.splice(
      this.#shards.findIndex(({ id }) => id === shardId),
      1,
    )
  }

  split(shardId: string): void {
    const shard = this.#close(shardId)
    const middle = (shard.first + shard.last) / 2n
    if (middle >= shard.last) throw new Error('too narrow to split')
    this.#add(shard.first, middle, [shardId])
    this.#add(middle + 1n, shard.last, [shardId])
  }

  /** Two open shards that touch, if there are any beside this one. */
  mergeWithNext(shardId: string): boolean {
    const one = this.#get(shardId)
    const next = this.#shards.find(({ end, first }) => end === undefined && first === one.last + 1n)
    if (next === undefined) return false
    this.#close(one.id)
    this.#close(next.id)
    this.#add(one.first, next.last, [one.id, next.id])
    return true
  }

  service(troubles: ServiceTroubles, random: Random): StreamService {
    const call = async <T>(work: () => T): Promise<T> => {
      await Promise.resolve()
      const roll = random.float()
      if (roll < troubles.throttled) throw serviceError('ProvisionedThroughputExceededException')
      if (roll < troubles.throttled + troubles.broken) throw brokenConnection()
      if (this.isDeleted) throw serviceError('ResourceNotFoundException')
      return work()
    }
    return {
      describeStreamSummary: () =>
        call(() => ({
          StreamDescriptionSummary: {
            StreamName: this.name,
            StreamARN: this.arn,
            StreamStatus: 'ACTIVE' as const,
            RetentionPeriodHours: 24,
            StreamCreationTimestamp: this.createdAtMs,
            EnhancedMonitoring: [],
            OpenShardCount: this.open.length,
          },
        })),
      listShards: () => call(() => ({ Shards: this.#shards.map(described) })),
      getShardIterator: (input) => call(() => ({ ShardIterator: `${input.ShardId}/${this.#placeOf(input.ShardId, input.ShardIteratorType, input.StartingSequenceNumber, input.Timestamp)}` })), // prettier-ignore
      getRecords: (input) => call(() => this.#read(input.ShardIterator, input.Limit ?? 10_000)),
      describeStreamConsumer: ({ ConsumerName = '' }) =>
        call(() => ({ ConsumerDescription: { ...this.#consumer(ConsumerName), StreamARN: this.arn } })),
      registerStreamConsumer: ({ ConsumerName }) =>
        call(() => {
          if (this.#consumers.has(ConsumerName)) throw serviceError('ResourceInUseException')
          this.#consumers.add(ConsumerName)
          return { Consumer: this.#consumer(ConsumerName) }
        }),
      serviceTimeMs: () => this.#clock.now(),
      subscribeToShard: (input, { signal } = {}) => this.#subscribe(input, call, signal),
    }
  }

  async *#subscribe(
    { ConsumerARN, ShardId, StartingPosition }: SubscribeToShardInput,
    call: <T>(work: () => T) => Promise<T>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
    const { Type, SequenceNumber, Timestamp } = StartingPosition
    const from = await call(() => this.#placeOf(ShardId, Type, SequenceNumber, Timestamp))
    const pushed = this.#subscriptions.subscribe(
      { shardId: ShardId, consumer: ConsumerARN, from },
      (place) => this.#pushed(ShardId, place),
      signal,
    )
    // What befalls a call befalls an event, too: then the subscription ends.
    for await (const event of pushed) yield await call(() => event)
  }

  #pushed(shardId: string, place: number): PushedPage {
    const { Records, ChildShards, next, ...rest } = this.#page(shardId, place, PUSHED_RECORDS_MAX)
    if (ChildShards !== undefined) return { event: { Records, ...rest, ChildShards }, next, isEnd: true }
    const { records, begin } = this.#get(shardId)
    const ContinuationSequenceNumber = records[next - 1]?.SequenceNumber ?? String(begin)
    return { event: { Records, ...rest, ContinuationSequenceNumber }, next, isEnd: false }
  }

  #consumer(ConsumerName: string) {
    if (!this.#consumers.has(ConsumerName)) throw serviceError('ResourceNotFoundException')
    return {
      ConsumerName,
      ConsumerARN: `${this.arn}/consumer/${ConsumerName}:1`,
      ConsumerStatus: 'ACTIVE' as const,
      ConsumerCreationTimestamp: this.createdAtMs,
    }
  }

  #placeOf(shardId: string, type: ShardIteratorType, sequenceNumber = '0', timestampMs = 0): number {
    const { records } = this.#get(shardId)
    const from = (test: (record: StreamRecord) => boolean): number => {
      const found = records.findIndex(test)
      return found < 0 ? records.length : found
    }
    if (timestampMs > this.#clock.now()) throw serviceError('InvalidArgumentException')
    const start = BigInt(sequenceNumber)
    const places: Record<ShardIteratorType, () => number> = {
      TRIM_HORIZON: () => 0,
      LATEST: () => records.length,
      AT_SEQUENCE_NUMBER: () => from(({ SequenceNumber }) => BigInt(SequenceNumber) >= start),
      AFTER_SEQUENCE_NUMBER: () => from(({ SequenceNumber }) => BigInt(SequenceNumber) > start),
      AT_TIMESTAMP: () => from(({ ApproximateArrivalTimestamp = 0 }) => ApproximateArrivalTimestamp >= timestampMs),
    }
    return places[type]()
  }

  #read(iterator: string, limit: number): GetRecordsOutput {
    const [id = '', at = ''] = iterator.split('/')
    const { next, ...page } = this.#page(id, Number(at), limit)
    return page.ChildShards === undefined ? { ...page, NextShardIterator: `${id}/${next}` } : page
  }

  /** `ChildShards`: of a shard that ends with it. */
  #page(shardId: string, at: number, limit: number) {
    const shard = this.#get(shardId)
    const Records = shard.records.slice(at, at + limit)
    const next = at + Records.length
    const isEnd = shard.end !== undefined && next === shard.records.length
    const rest = shard.records[next]
    return {
      Records,
      MillisBehindLatest: rest === undefined ? 0 : this.#clock.now() - (rest.ApproximateArrivalTimestamp ?? 0),
      next,
      ...(isEnd ? { ChildShards: this.#childrenOf(shardId) } : {}),
    }
  }

  #childrenOf(id: string): ChildShard[] {
    return this.#shards
      .filter(({ parents }) => parents.includes(id))
      .map((shard) => ({ ShardId: shard.id, ParentShards: [...shard.parents], HashKeyRange: rangeOf(shard) }))
  }

  #add(first: bigint, last: bigint, parents: readonly string[]): void {
    this.#shards.push({ id: shardIdOf(this.#shards.length), first, last, parents, records: [], begin: this.#next++ })
  }

  #close(shardId: string): SimulatedShard {
    const shard = this.#get(shardId)
    if (shard.end !== undefined) throw new Error(`${shardId} is closed`)
    shard.end = this.#next++
    this.#subscriptions.wake(shardId)
    return shard
  }

  #get(shardId: string): SimulatedShard {
    const shard = this.#shards.find(({ id }) => id === shardId)
    if (shard === undefined) throw serviceError('ResourceNotFoundException')
    return shard
  }
}

function described({ id, parents, begin, end, ...range }: SimulatedShard): Shard {
  const [ParentShardId, AdjacentParentShardId] = parents
  return {
    ShardId: id,
    ...(ParentShardId === undefined ? {} : { ParentShardId }),
    ...(AdjacentParentShardId === undefined ? {} : { AdjacentParentShardId }),
    HashKeyRange: rangeOf(range),
    SequenceNumberRange: {
      StartingSequenceNumber: String(begin),
      ...(end === undefined ? {} : { EndingSequenceNumber: String(end) }),
    },
  }
}

function rangeOf({ first, last }: { readonly first: bigint; readonly last: bigint }): Shard['HashKeyRange'] {
  return { StartingHashKey: String(first), EndingHashKey: String(last) }
}
