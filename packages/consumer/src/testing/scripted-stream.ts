/**
 * A stream of one family of shards behind the service port, in memory on the virtual clock: real limits, iterators and
 * subscriptions that end, and troubles on demand. It knows what the tests of reading need.
 */
import {
  type ChildShard,
  type GetRecordsOutput,
  type GetShardIteratorInput,
  HASH_KEY_MAX,
  SHARD_ITERATOR_LIFE_MS,
  SHARD_READ_BYTES_PER_SECOND,
  SHARD_READS_PER_SECOND,
  type Shard,
  type StreamRecord,
  type SubscribeToShardEvent,
  type SubscribeToShardInput,
} from '@millrace/protocol'
import { TokenBucket, untilAborted } from '@millrace/std'
import type { VirtualClock } from '@millrace/std/testing'
import type { StreamService } from '../service.ts'
import { serviceError } from './service-errors.ts'
import { type PushedPage, SimulatedSubscriptions } from './simulated-subscriptions.ts'

export const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s'
export const SHARD = 'shardId-000000000000'
const CHILDREN = ['shardId-000000000001', 'shardId-000000000002']

export type Call = 'getRecords' | 'getShardIterator' | 'listShards' | 'subscribeToShard' | 'describeStreamSummary' | 'describeStreamConsumer' | 'registerStreamConsumer' // prettier-ignore

export class ScriptedStream implements StreamService {
  readonly #clock: VirtualClock
  readonly #records: StreamRecord[] = []
  readonly #reads: TokenBucket
  #readBlockedUntilMs = -Infinity
  #bytes: TokenBucket
  #serial = 100
  readonly #subscriptions: SimulatedSubscriptions
  /** Every call, with its moment on the monotonic clock. */
  readonly calls: { readonly call: Call; readonly atMs: number; readonly input: unknown }[] = []
  /** Thrown by the next such calls, one each. */
  readonly troubles: Partial<Record<Call, Error[]>> = {}
  /** Called before each call is served. */
  onCall: (call: Call) => void = () => undefined
  isOpen = true
  exists = true
  /** What ends in answers to reading: children left out, as some services do. */
  namesChildren = true
  /** Whether the list of shards has the children. */
  listsChildren = true
  /** The connection is dead: nothing is answered, and nobody says so. */
  isDead = false
  consumers = new Map<string, 'CREATING' | 'ACTIVE' | 'DELETING'>()
  /** Looks at a new consumer until it is ACTIVE. */
  looksUntilActive = 0
  recordsPerAnswer = 3
  /** The service's clock is behind the one of who reads, ms. */
  behindMs = 0
  /** Taken by subscriptions. */
  pushedRecords = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.#subscriptions = new SimulatedSubscriptions(clock)
    this.#reads = new TokenBucket(SHARD_READS_PER_SECOND, SHARD_READS_PER_SECOND, 0)
    this.#bytes = new TokenBucket(SHARD_READ_BYTES_PER_SECOND, SHARD_READ_BYTES_PER_SECOND, 0)
  }

  get stored(): readonly string[] {
    return this.#records.map(({ SequenceNumber }) => SequenceNumber)
  }

  put(text = 'x', data: Uint8Array = Buffer.from(text)): string {
    const SequenceNumber = String(++this.#serial)
    this.#records.push({
      SequenceNumber,
      PartitionKey: 'k',
      Data: data,
      ApproximateArrivalTimestamp: this.#clock.now(),
    })
    this.#subscriptions.wake(SHARD)
    return SequenceNumber
  }

  /** Ends the shard: it has two children now. */
  close(): void {
    this.isOpen = false
    this.#subscriptions.wake(SHARD)
  }

  /** Ends the subscription there is, as a server does that stops, or with an exception in the stream. */
  endSubscription(reason?: Error): void {
    this.#subscriptions.endAll(reason)
  }

  timesOf(call: Call): readonly number[] {
    return this.calls.filter((made) => made.call === call).map(({ atMs }) => atMs)
  }

  inputsOf<Name extends Call>(call: Name): readonly Parameters<StreamService[Name]>[0][] {
    return this.calls.filter((made) => made.call === call).map(({ input }) => input as never)
  }

  getShardIterator: StreamService['getShardIterator'] = async (input, { signal } = {}) => {
    await this.#serve('getShardIterator', input, signal)
    const { ShardIteratorType, StartingSequenceNumber = '', Timestamp = 0 } = input
    return {
      ShardIterator: `${this.#find(ShardIteratorType, StartingSequenceNumber, Timestamp)}/${this.#clock.monotonic()}`,
    }
  }

  getRecords: StreamService['getRecords'] = async (input, { signal } = {}) => {
    await this.#serve('getRecords', input, signal)
    const nowMs = this.#clock.monotonic()
    const [from = 0, issuedAtMs = 0] = input.ShardIterator.split('/').map(Number)
    if (Number.isNaN(from)) throw serviceError('InvalidArgumentException')
    if (nowMs - issuedAtMs > SHARD_ITERATOR_LIFE_MS) throw serviceError('ExpiredIteratorException')
    if (nowMs < this.#readBlockedUntilMs || !this.#reads.take(1, nowMs))
      throw serviceError('ProvisionedThroughputExceededException')
    const Records = this.#records.slice(from, from + Math.min(input.Limit ?? Infinity, this.recordsPerAnswer))
    this.#bytes.charge(
      Records.reduce((sum, { Data }) => sum + Data.length, 0),
      nowMs,
    )
    const left = this.#bytes.available(nowMs)
    if (left < 0) this.#readBlockedUntilMs = nowMs + 1000 * (1 - left / SHARD_READ_BYTES_PER_SECOND)
    const next = from + Records.length
    const isAtTip = next === this.#records.length
    const answer: GetRecordsOutput = { Records, MillisBehindLatest: isAtTip ? 0 : 1000 }
    if (isAtTip && !this.isOpen) return { ...answer, ...(this.namesChildren ? { ChildShards: children } : {}) }
    return { ...answer, NextShardIterator: `${next}/${nowMs}` }
  }

  listShards: StreamService['listShards'] = async (input, { signal } = {}) => {
    await this.#serve('listShards', input, signal)
    const family = this.isOpen || !this.listsChildren ? [] : CHILDREN.map((id): Shard => shard(id, SHARD))
    return { Shards: family }
  }

  describeStreamSummary: StreamService['describeStreamSummary'] = async (input, { signal } = {}) => {
    await this.#serve('describeStreamSummary', input, signal)
    return {
      StreamDescriptionSummary: {
        StreamName: 's',
        StreamARN: ARN,
        StreamStatus: 'ACTIVE',
        RetentionPeriodHours: 24,
        StreamCreationTimestamp: 1,
        EnhancedMonitoring: [],
        OpenShardCount: 1,
      },
    }
  }

  describeStreamConsumer: StreamService['describeStreamConsumer'] = async (input, { signal } = {}) => {
    await this.#serve('describeStreamConsumer', input, signal)
    const ConsumerName = input.ConsumerName ?? ''
    const ConsumerStatus = this.consumers.get(ConsumerName)
    if (ConsumerStatus === undefined) throw serviceError('ResourceNotFoundException')
    if (ConsumerStatus === 'DELETING') this.consumers.delete(ConsumerName)
    else if (ConsumerStatus === 'CREATING' && --this.looksUntilActive <= 0) this.consumers.set(ConsumerName, 'ACTIVE')
    const ConsumerARN = `${ARN}/consumer/${ConsumerName}:1`
    const described = { ConsumerName, ConsumerARN, ConsumerStatus, ConsumerCreationTimestamp: 1, StreamARN: ARN }
    return { ConsumerDescription: described }
  }

  registerStreamConsumer: StreamService['registerStreamConsumer'] = async (input, { signal } = {}) => {
    await this.#serve('registerStreamConsumer', input, signal)
    if (this.consumers.has(input.ConsumerName)) throw serviceError('ResourceInUseException')
    this.consumers.set(input.ConsumerName, this.looksUntilActive > 0 ? 'CREATING' : 'ACTIVE')
    const ConsumerARN = `${ARN}/consumer/${input.ConsumerName}:1`
    const consumer = { ConsumerName: input.ConsumerName, ConsumerARN, ConsumerCreationTimestamp: 1 }
    return { Consumer: { ...consumer, ConsumerStatus: 'CREATING' } }
  }

  async *subscribeToShard(
    input: SubscribeToShardInput,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
    await this.#serve('subscribeToShard', input, signal)
    const name = /consumer\/(.*):/.exec(input.ConsumerARN)?.[1] ?? ''
    const status = this.consumers.get(name)
    if (status === undefined) throw serviceError('ResourceNotFoundException', `Consumer ${name} not found.`)
    if (status !== 'ACTIVE') throw serviceError('ResourceInUseException', `Consumer ${name} is not in ACTIVE status.`)
    const { Type, SequenceNumber = '', Timestamp = 0 } = input.StartingPosition
    const subscription = { shardId: SHARD, consumer: name, from: this.#find(Type, SequenceNumber, Timestamp) }
    yield* this.#subscriptions.subscribe(subscription, (from) => this.#pushed(from), signal)
  }

  #pushed(from: number): PushedPage | undefined {
    if (this.isDead) return undefined
    const Records = this.#records.slice(from, from + this.recordsPerAnswer)
    const next = from + Records.length
    this.pushedRecords += Records.length
    const isAtTip = next === this.#records.length
    const isEnd = isAtTip && !this.isOpen
    const where = isEnd
      ? this.namesChildren && { ChildShards: children }
      : { ContinuationSequenceNumber: this.#numberBefore(next) }
    return { event: { Records, MillisBehindLatest: isAtTip ? 0 : 1000, ...where }, next, isEnd }
  }

  async #serve(call: Call, input: unknown, signal: AbortSignal | undefined): Promise<void> {
    this.calls.push({ call, atMs: this.#clock.monotonic(), input })
    signal?.throwIfAborted()
    await Promise.resolve()
    if (this.isDead) await untilAborted(new Promise<never>(() => undefined), signal)
    this.onCall(call)
    const trouble = this.troubles[call]?.shift()
    if (trouble !== undefined) throw trouble
    if (!this.exists) throw serviceError('ResourceNotFoundException')
  }

  #find(type: GetShardIteratorInput['ShardIteratorType'], sequenceNumber: string, timestamp: number): number {
    const at = (wanted: (record: StreamRecord) => boolean): number => {
      const index = this.#records.findIndex(wanted)
      return index === -1 ? this.#records.length : index
    }
    switch (type) {
      case 'TRIM_HORIZON':
        return 0
      case 'LATEST':
        return this.#records.length
      case 'AT_TIMESTAMP':
        if (timestamp > this.#clock.now() - this.behindMs) throw serviceError('InvalidArgumentException')
        return at((record) => (record.ApproximateArrivalTimestamp ?? 0) >= timestamp)
      case 'AT_SEQUENCE_NUMBER':
        return at((record) => Number(record.SequenceNumber) >= Number(sequenceNumber))
      case 'AFTER_SEQUENCE_NUMBER':
        return at((record) => Number(record.SequenceNumber) > Number(sequenceNumber))
    }
  }

  #numberBefore(index: number): string {
    return this.#records[index - 1]?.SequenceNumber ?? '100'
  }
}

const children: readonly ChildShard[] = CHILDREN.map((id) => {
  const { ShardId, HashKeyRange } = shard(id, SHARD)
  return { ShardId, ParentShards: [SHARD], HashKeyRange }
})

function shard(ShardId: string, ParentShardId: string): Shard {
  return {
    ShardId,
    ParentShardId,
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(HASH_KEY_MAX) },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  }
}
