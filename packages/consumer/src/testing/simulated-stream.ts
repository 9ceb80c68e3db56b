/**
 * Streams as the service keeps them, in memory: shards that split and merge, records in order, iterators. What a fleet is
 * simulated against: exact where the consumer looks, and cheap.
 */
import { KinesisServiceError, KinesisTransportError } from '@millrace/client'
import {
  type ChildShard,
  HASH_KEY_MAX,
  hashKeyOf,
  type Shard,
  type ShardIteratorType,
  shardIdOf,
  type StreamRecord,
} from '@millrace/protocol'
import type { Clock, Random } from '@millrace/std'
import type { StreamService } from '../service.ts'

interface SimulatedShard {
  readonly id: string
  readonly first: bigint
  readonly last: bigint
  readonly parents: readonly string[]
  readonly records: StreamRecord[]
  readonly begin: bigint
  end?: bigint
}

/** How often calls fail, 0 to 1. */
export interface ServiceTroubles {
  readonly throttled: number
  readonly broken: number
}

const FIRST_NUMBER = 10n ** 40n

export class SimulatedStream {
  readonly name: string
  readonly createdAtMs: number
  readonly #clock: Clock
  readonly #shards: SimulatedShard[] = []
  #next = FIRST_NUMBER
  /** Nothing of it is found any more. */
  isDeleted = false

  constructor(name: string, shards: number, clock: Clock) {
    this.name = name
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
    const call = async <T>(operation: string, work: () => T): Promise<T> => {
      await Promise.resolve()
      const roll = random.float()
      if (roll < troubles.throttled) throw refusal(operation, 'ProvisionedThroughputExceededException', true)
      if (roll < troubles.throttled + troubles.broken)
        throw new KinesisTransportError('closed', 'The connection was reset.', { outcome: 'unknown' })
      if (this.isDeleted) throw refusal(operation, 'ResourceNotFoundException', false)
      return work()
    }
    const notHere = (operation: string) => (): never => {
      throw refusal(operation, 'UnknownOperationException', false)
    }
    return {
      describeStreamSummary: () =>
        call('DescribeStreamSummary', () => ({
          StreamDescriptionSummary: {
            StreamName: this.name,
            StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${this.name}`,
            StreamStatus: 'ACTIVE' as const,
            RetentionPeriodHours: 24,
            StreamCreationTimestamp: this.createdAtMs,
            EnhancedMonitoring: [],
            OpenShardCount: this.open.length,
          },
        })),
      listShards: () => call('ListShards', () => ({ Shards: this.#shards.map(described) })),
      getShardIterator: (input) => call('GetShardIterator', () => ({ ShardIterator: this.#iterator(input) })),
      getRecords: (input) => call('GetRecords', () => this.#read(input.ShardIterator, input.Limit ?? 10_000)),
      describeStreamConsumer: notHere('DescribeStreamConsumer'),
      registerStreamConsumer: notHere('RegisterStreamConsumer'),
      subscribeToShard: notHere('SubscribeToShard'),
    }
  }

  #iterator(input: {
    readonly ShardId: string
    readonly ShardIteratorType: ShardIteratorType
    readonly StartingSequenceNumber?: string | undefined
    readonly Timestamp?: number | undefined
  }): string {
    const { id, records } = this.#get(input.ShardId)
    const from = (test: (record: StreamRecord) => boolean): number => {
      const found = records.findIndex(test)
      return found < 0 ? records.length : found
    }
    const start = BigInt(input.StartingSequenceNumber ?? 0)
    const positions: Record<ShardIteratorType, () => number> = {
      TRIM_HORIZON: () => 0,
      LATEST: () => records.length,
      AT_SEQUENCE_NUMBER: () => from(({ SequenceNumber }) => BigInt(SequenceNumber) >= start),
      AFTER_SEQUENCE_NUMBER: () => from(({ SequenceNumber }) => BigInt(SequenceNumber) > start),
      AT_TIMESTAMP: () =>
        from(({ ApproximateArrivalTimestamp = 0 }) => ApproximateArrivalTimestamp >= (input.Timestamp ?? 0)),
    }
    return `${id}/${positions[input.ShardIteratorType]()}`
  }

  #read(iterator: string, limit: number) {
    const [id = '', at = ''] = iterator.split('/')
    const shard = this.#get(id)
    const Records = shard.records.slice(Number(at), Number(at) + limit)
    const next = Number(at) + Records.length
    const isEnd = shard.end !== undefined && next === shard.records.length
    const rest = shard.records[next]
    return {
      Records,
      MillisBehindLatest: rest === undefined ? 0 : this.#clock.now() - (rest.ApproximateArrivalTimestamp ?? 0),
      ...(isEnd ? { ChildShards: this.#childrenOf(id) } : { NextShardIterator: `${id}/${next}` }),
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
    return shard
  }

  #get(shardId: string): SimulatedShard {
    const shard = this.#shards.find(({ id }) => id === shardId)
    if (shard === undefined) throw refusal('GetShardIterator', 'ResourceNotFoundException', false)
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

function refusal(operation: string, type: string, retryable: boolean): KinesisServiceError {
  return new KinesisServiceError({ type, message: `${type}: simulated`, status: retryable ? 400 : 404, retryable, requestId: undefined, operation, outcome: 'not-done', attempts: 1 }) // prettier-ignore
}
