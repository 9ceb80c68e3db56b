import {
  CreateStream,
  DeleteStream,
  DeregisterStreamConsumer,
  type KinesisError,
  PutRecord,
  PutRecords,
  RegisterStreamConsumer,
  shardIdOf,
  SplitShard,
  StartStreamEncryption,
  streamArn,
  SubscribeToShard,
  type SubscribeToShardEvent,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { lendingEngine } from '../testing/lending-engine.ts'
import {
  ACCOUNT,
  bytesOf,
  type HarnessOptions,
  idle,
  REGION,
  ServiceHarness,
  textOf,
} from '../testing/service-harness.ts'
import type { PushedEvent } from './push-events.ts'

const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 's' })
const MiB = 1024 * 1024
const HALF = (2n ** 127n).toString()

interface World extends AsyncDisposable {
  readonly harness: ServiceHarness
  readonly arn: string
}

async function open(options: HarnessOptions = {}): Promise<World> {
  const harness = await ServiceHarness.open(options)
  await harness.call(CreateStream, { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
  const { Consumer } = await harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
  return { harness, arn: Consumer.ConsumerARN, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() }
}

/** Reads one subscription in the background, and notes when what came. */
class Reader {
  readonly events: SubscribeToShardEvent[] = []
  readonly atMs: number[] = []
  /** `open`, `ended`, or the error as `Type: message`. */
  state = 'open'
  readonly abort = new AbortController()

  static async open(
    { harness, arn }: World,
    start: { Type: 'LATEST' | 'TRIM_HORIZON' } = { Type: 'LATEST' },
    shard = 0,
  ): Promise<Reader> {
    const reader = new Reader()
    const { EventStream } = await harness.call(
      SubscribeToShard,
      { ConsumerARN: arn, ShardId: shardIdOf(shard), StartingPosition: start },
      { signal: reader.abort.signal },
    )
    void reader.#read(harness, EventStream)
    await idle()
    return reader
  }

  get texts(): readonly string[] {
    return this.events.flatMap(({ Records }) => Records.map(({ Data }) => textOf(Data)))
  }

  async #read(harness: ServiceHarness, events: AsyncIterable<SubscribeToShardEvent>): Promise<void> {
    try {
      for await (const event of events) {
        this.events.push(event)
        this.atMs.push(harness.clock.monotonic())
      }
      this.state = 'ended'
    } catch (error) {
      const { type, message } = error as KinesisError
      this.state = `${type}: ${message}`
    }
  }
}

const put = ({ harness }: World, text: string) =>
  harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: bytesOf(text) })

describe('SubscribeToShard in time', () => {
  it('says something at once, and then at least every five seconds, until five minutes are over', async () => {
    await using world = await open()
    const reader = await Reader.open(world)
    const startedMs = world.harness.clock.monotonic()
    expect(reader.events).toHaveLength(1)
    await world.harness.advance(299_900, 100)
    expect(reader.state).toBe('open')
    const gaps = reader.atMs.map((at, i) => at - (reader.atMs[i - 1] ?? startedMs))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000)
    // Where to go on from is the same while nothing comes.
    expect(new Set(reader.events.map(({ ContinuationSequenceNumber }) => ContinuationSequenceNumber)).size).toBe(1)
    await world.harness.advance(200, 100)
    expect(reader.state).toBe('ended')
    expect(world.harness.clock.pendingTimers).toBeLessThan(10)
  })

  it('pushes as soon as a record is stored, without any time passing', async () => {
    await using world = await open()
    const reader = await Reader.open(world)
    for (const text of ['a', 'b', 'c']) {
      await put(world, text)
      await idle()
    }
    expect(reader.texts).toEqual(['a', 'b', 'c'])
    expect(reader.events.map(({ MillisBehindLatest }) => MillisBehindLatest)).toEqual([0, 0, 0, 0])
  })

  it('is taken over after five seconds: the older one ends with an exception, the newer goes on', async () => {
    await using world = await open()
    const older = await Reader.open(world)
    const taken = `ResourceInUseException: Another active subscription exists for this consumer: ${ACCOUNT}:s:${shardIdOf(0)}:c`
    await world.harness.advance(4_999)
    const again = { ConsumerARN: world.arn, ShardId: shardIdOf(0), StartingPosition: { Type: 'LATEST' } } as const
    expect(await world.harness.fault(SubscribeToShard, again)).toBe(taken)
    expect(await world.harness.fault(SubscribeToShard, { ...again, DryRun: true })).toBe(taken)
    await world.harness.advance(1)
    expect(await world.harness.fault(SubscribeToShard, { ...again, DryRun: true })).toContain('DryRunOperation')
    expect(older.state).toBe('open')
    const newer = await Reader.open(world)
    expect(older.state).toBe(taken)
    await put(world, 'x')
    await idle()
    expect([older.texts, newer.texts]).toEqual([[], ['x']])
  })

  it('is as if it had never been when nobody asked for its first event', async () => {
    await using world = await open()
    const refused = new AbortController()
    const input = { ConsumerARN: world.arn, ShardId: shardIdOf(0), StartingPosition: { Type: 'LATEST' } } as const
    await world.harness.call(SubscribeToShard, input, { signal: refused.signal })
    refused.abort()
    expect((await Reader.open(world)).state).toBe('open')
  })

  it('says something while the disk does not answer, and then goes on', async () => {
    let answer: (() => void) | undefined
    await using world = await open({
      wrap: (engine) => {
        const lent = lendingEngine(engine)
        const read: typeof lent.shards.read = async (...args) => {
          if (answer !== undefined) await new Promise<void>((resolve) => (answer = resolve))
          return lent.shards.read(...args)
        }
        return { ...lent, shards: { ...lent.shards, read } }
      },
    })
    const reader = await Reader.open(world)
    answer = () => {}
    await put(world, 'late')
    await idle()
    await world.harness.advance(30_000, 500)
    expect(reader.texts).toEqual([])
    const gaps = reader.atMs.slice(1).map((at, i) => at - (reader.atMs[i] ?? 0))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000)
    const release = answer
    answer = undefined
    release()
    await idle()
    expect(reader.texts).toEqual(['late'])
  })

  it('can be begun again five seconds after it began, when its client has left', async () => {
    await using world = await open()
    const first = await Reader.open(world)
    first.abort.abort()
    await idle()
    expect(first.state).toBe('ended')
    await world.harness.advance(5_000)
    expect((await Reader.open(world)).state).toBe('open')
  })

  it('sends 2 MiB a second and consumer, with a burst of one second, whatever the other consumers do', async () => {
    await using world = await open({ settings: { shardLimits: 'aws' } })
    const { harness } = world
    for (let i = 0; i < 10; i++) {
      await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: new Uint8Array(MiB - 1) })
      await harness.advance(1_100)
    }
    const { Consumer } = await harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'd' })
    const readers = [
      await Reader.open(world, { Type: 'TRIM_HORIZON' }),
      await Reader.open({ ...world, arn: Consumer.ConsumerARN }, { Type: 'TRIM_HORIZON' }),
    ]
    const counts = () => readers.map(({ events }) => events.reduce((sum, { Records }) => sum + Records.length, 0))
    // A record more than the burst, on credit: what is asked for is bounded by what is left, but for the first record.
    expect(counts()).toEqual([2, 2])
    await harness.advance(3_000, 50)
    for (const count of counts()) {
      expect(count).toBeGreaterThanOrEqual(7)
      expect(count).toBeLessThanOrEqual(9)
    }
    await harness.advance(2_000, 50)
    expect(counts()).toEqual([10, 10])
  })

  it('is not silent for long behind a record of 10 MiB that spends the rate of five seconds', async () => {
    await using world = await open({ settings: { shardLimits: { writeBytes: 100 * MiB } } })
    const reader = await Reader.open(world)
    const Data = new Uint8Array(10 * MiB - 10)
    for (let i = 0; i < 2; i++) await world.harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data })
    await world.harness.advance(20_000, 100)
    expect(reader.events.reduce((sum, { Records }) => sum + Records.length, 0)).toBe(2)
    const gaps = reader.atMs.slice(1).map((at, i) => at - (reader.atMs[i] ?? 0))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000)
  })
})

describe('SubscribeToShard and what happens to the shard', () => {
  it('ends with the children once they are there', async () => {
    await using world = await open()
    const reader = await Reader.open(world)
    await put(world, 'last')
    await world.harness.call(SplitShard, { StreamName: 's', ShardToSplit: shardIdOf(0), NewStartingHashKey: HALF })
    await idle()
    expect(reader.state).toBe('ended')
    const end = reader.events.at(-1)
    expect(end?.ChildShards?.map(({ ShardId }) => ShardId)).toEqual([shardIdOf(1), shardIdOf(2)])
    expect(end).not.toHaveProperty('ContinuationSequenceNumber')
    expect(reader.texts).toEqual(['last'])
  })

  it('is told by another server in front of the same engine', async () => {
    await using world = await open()
    await using other = await ServiceHarness.open({ memory: world.harness.memory, clock: world.harness.clock })
    const reader = await Reader.open(world)
    await other.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: bytesOf('there') })
    await other.call(SplitShard, { StreamName: 's', ShardToSplit: shardIdOf(0), NewStartingHashKey: HALF })
    await idle()
    expect([reader.texts, reader.state]).toEqual([['there'], 'ended'])
    const child = await Reader.open(world, { Type: 'TRIM_HORIZON' }, 1)
    await other.call(DeregisterStreamConsumer, { ConsumerARN: world.arn })
    await idle()
    expect(child.state).toBe(`ResourceNotFoundException: Consumer ${world.arn}, account ${ACCOUNT} not found.`)
  })

  it('ends with an exception when the stream goes, and when the consumer is going', async () => {
    await using world = await open()
    const reader = await Reader.open(world)
    await world.harness.call(DeleteStream, { StreamName: 's', EnforceConsumerDeletion: true })
    await idle()
    expect(reader.state).toContain('ResourceNotFoundException')
    await using slow = await ServiceHarness.open({ settings: { statusDelayMs: 1_000 } })
    await slow.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    await slow.advance(2_000, 100)
    const { Consumer } = await slow.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
    const input = {
      ConsumerARN: Consumer.ConsumerARN,
      ShardId: shardIdOf(0),
      StartingPosition: { Type: 'LATEST' },
    } as const
    const createdS = Math.floor(Consumer.ConsumerCreationTimestamp / 1000)
    expect(await slow.fault(SubscribeToShard, input)).toBe(
      `ResourceInUseException: Consumer c with creation timestamp ${createdS} under stream: s , account ${ACCOUNT} is not in ACTIVE status.`,
    )
    await slow.advance(2_000, 100)
    const going = await Reader.open({ harness: slow, arn: Consumer.ConsumerARN, [Symbol.asyncDispose]: async () => {} })
    await slow.call(DeregisterStreamConsumer, { ConsumerARN: Consumer.ConsumerARN })
    await idle()
    expect(going.state).toContain('ResourceNotFoundException')
  })

  it('goes on past records that expire, and never shows one', async () => {
    await using world = await open()
    await put(world, 'old')
    await world.harness.advance(25 * 3_600_000, 3_600_000)
    await put(world, 'new')
    const reader = await Reader.open(world, { Type: 'TRIM_HORIZON' })
    expect(reader.texts).toEqual(['new'])
  })

  it('is sent encrypted records in the clear, marked as such', async () => {
    await using world = await open()
    const reader = await Reader.open(world)
    await put(world, 'clear')
    await world.harness.call(StartStreamEncryption, {
      StreamName: 's',
      EncryptionType: 'KMS',
      KeyId: 'alias/aws/kinesis',
    })
    await put(world, 'sealed')
    await idle()
    const records = reader.events.flatMap(({ Records }) => Records)
    expect(records.map(({ Data, EncryptionType }) => [textOf(Data), EncryptionType])).toEqual([
      ['clear', undefined],
      ['sealed', 'KMS'],
    ])
  })

  it('is sent the page that the next one is sent, read and encoded once for all who wait', async () => {
    let reads = 0
    await using world = await open({
      wrap: (engine) => {
        const lent = lendingEngine(engine)
        const read: typeof lent.shards.read = (...args) => {
          reads++
          return lent.shards.read(...args)
        }
        return { ...lent, shards: { ...lent.shards, read } }
      },
    })
    const events: AsyncIterator<PushedEvent>[] = []
    for (let i = 0; i < 19; i++) {
      const { Consumer } = await world.harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: `other-${i}` })
      const { EventStream } = await world.harness.call(
        SubscribeToShard,
        { ConsumerARN: Consumer.ConsumerARN, ShardId: shardIdOf(0), StartingPosition: { Type: 'LATEST' } },
        { codec: 'json' },
      )
      const iterator = (EventStream as AsyncIterable<unknown> as AsyncIterable<PushedEvent>)[Symbol.asyncIterator]()
      await iterator.next()
      events.push(iterator)
    }
    const next = events.map((iterator) => iterator.next())
    await idle()
    reads = 0
    await put(world, 'one for all')
    const pages = (await Promise.all(next)).map(({ value }) => (value as PushedEvent).Records)
    expect(reads).toBe(1)
    expect(pages[0]).toMatchObject({ count: 1 })
    for (const page of pages) expect(page).toBe(pages[0])
    for (const iterator of events) await iterator.return?.()
  })

  it('ends cleanly when the service closes', async () => {
    const world = await open()
    const reader = await Reader.open(world)
    await world.harness.service.close()
    await idle()
    expect(reader.state).toBe('ended')
  })

  it('is not read ahead: a reader that stops is asked for nothing, and misses nothing', async () => {
    await using world = await open()
    const { EventStream } = await world.harness.call(SubscribeToShard, {
      ConsumerARN: world.arn,
      ShardId: shardIdOf(0),
      StartingPosition: { Type: 'TRIM_HORIZON' },
    })
    const events = EventStream[Symbol.asyncIterator]()
    await events.next()
    for (let i = 0; i < 20; i++)
      await world.harness.call(PutRecords, {
        StreamName: 's',
        Records: Array.from({ length: 500 }, (_, k) => ({ PartitionKey: 'k', Data: bytesOf(`${i}-${k}`) })),
      })
    const seen: string[] = []
    while (seen.length < 10_000) {
      const { value } = await events.next()
      for (const { Data } of (value as SubscribeToShardEvent).Records) seen.push(textOf(Data))
    }
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, i) => `${Math.floor(i / 500)}-${i % 500}`))
    await events.return?.()
  })
})
