import {
  CreateStream,
  DescribeStreamSummary,
  HASH_KEY_MAX,
  ListShards,
  PutRecords,
  UpdateStreamMode,
} from '@millrace/protocol'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { type Crash, crashingEngine } from '../testing/crashing-engine.ts'
import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'
import { readStream } from '../testing/whole-stream.ts'

const StreamName = 's'
const StreamARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A shard takes ten records a second. */
const LIMITS = { shardLimits: { writeRecords: 10 } }

/** Counts what it put, so that nothing is missed or doubled afterwards. */
class Producer {
  put = 0
  throttled = 0

  /** So many records a second with keys of all kinds, for so many seconds; some may be throttled. */
  async run(harness: ServiceHarness, seconds: number, recordsPerS: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.write(harness, recordsPerS)
      await harness.advance(1_000)
    }
  }

  async write(harness: ServiceHarness, records: number): Promise<void> {
    const Records = Array.from({ length: records }, () => {
      const number = this.put + this.throttled++
      return { PartitionKey: `key-${number % 1_000}`, Data: bytesOf(String(number)) }
    })
    const { FailedRecordCount = 0 } = await harness.call(PutRecords, { StreamName, Records })
    this.put += records - FailedRecordCount
    this.throttled -= records - FailedRecordCount
  }
}

const openShards = async (harness: ServiceHarness): Promise<number> =>
  (await harness.call(DescribeStreamSummary, { StreamName })).StreamDescriptionSummary.OpenShardCount

async function expectPartition(harness: ServiceHarness): Promise<void> {
  const { Shards = [] } = await harness.call(ListShards, { StreamName })
  const open = Shards.filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined)
    .map(({ HashKeyRange: range }) => [BigInt(range.StartingHashKey), BigInt(range.EndingHashKey)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  let next = 0n
  for (const [start, end] of open) {
    expect(start).toBe(next)
    next = end + 1n
  }
  expect(next).toBe(HASH_KEY_MAX + 1n)
}

async function onDemandStream(options: Parameters<typeof ServiceHarness.open>[0] = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings: LIMITS, ...options })
  await harness.call(CreateStream, { StreamName })
  return harness
}

describe('the scaling of an on-demand stream', () => {
  it('opens shards within minutes of a rise, until nothing is throttled, and loses nothing', async () => {
    await using harness = await onDemandStream()
    const producer = new Producer()
    await producer.run(harness, 90, 100)
    expect(await openShards(harness)).toBeGreaterThanOrEqual(20)
    expect(producer.throttled).toBeGreaterThan(0)
    const { throttled } = producer
    await producer.run(harness, 30, 100)
    expect(producer.throttled).toBe(throttled)
    await expectPartition(harness)
    expect(await readStream(harness, StreamName)).toHaveLength(producer.put)
  })

  it('closes them after thirty days of less, and not before', async () => {
    await using harness = await onDemandStream()
    await new Producer().run(harness, 90, 60)
    const atPeak = await openShards(harness)
    expect(atPeak).toBeGreaterThanOrEqual(12)
    await harness.advance(29 * DAY_MS, 6 * HOUR_MS)
    expect(await openShards(harness)).toBe(atPeak)
    await harness.advance(3 * DAY_MS, HOUR_MS)
    expect(await openShards(harness)).toBe(4)
    await expectPartition(harness)
  })

  it('remembers the peak over a restart', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    let atPeak: number
    {
      await using first = await onDemandStream({ clock, memory })
      await new Producer().run(first, 90, 60)
      atPeak = await openShards(first)
    }
    await using second = await ServiceHarness.open({ clock, memory, settings: LIMITS })
    await second.advance(20 * DAY_MS, 6 * HOUR_MS)
    expect(await openShards(second)).toBe(atPeak)
    await second.advance(12 * DAY_MS, HOUR_MS)
    expect(await openShards(second)).toBe(4)
  })

  it('is done by two servers as by one, whichever of them the writes come to', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    await using first = await onDemandStream({ clock, memory })
    await using second = await ServiceHarness.open({ clock, memory, settings: LIMITS, seed: 2 })
    const [one, two] = [new Producer(), new Producer()]
    for (let i = 0; i < 90; i++) {
      await two.write(second, 60)
      await one.run(first, 1, 60)
    }
    expect(await openShards(first)).toBeGreaterThanOrEqual(12)
    expect(await openShards(second)).toBe(await openShards(first))
    await expectPartition(first)
    expect(await readStream(second, StreamName)).toHaveLength(one.put + two.put)
    // The one that hears of no traffic closes nothing.
    const atPeak = await openShards(first)
    await one.run(first, 60, 60)
    expect(await openShards(second)).toBeGreaterThanOrEqual(atPeak)
  })

  // cas intent · close · provision · cas commit, and the next intent
  it.each([0, 1, 2, 3, 4].flatMap((changes) => [[changes, false] as const, [changes, true] as const]))(
    'is taken up by the next server where one died, after %i changes (answer lost: %s)',
    async (changesLeft, answerLost) => {
      const crash: Crash = { answerLost }
      await using dying = await onDemandStream({ wrap: (engine) => crashingEngine(engine, crash) })
      const producer = new Producer()
      await producer.run(dying, 9, 60)
      crash.changesLeft = changesLeft
      await producer.run(dying, 20, 60)
      await dying.service.close()
      const { clock, memory } = dying
      await using next = await ServiceHarness.open({ clock, memory, settings: LIMITS, seed: 2 })
      await producer.run(next, 90, 60)
      expect(await openShards(next)).toBeGreaterThanOrEqual(12)
      await expectPartition(next)
      expect(await readStream(next, StreamName)).toHaveLength(producer.put)
    },
  )

  it('leaves a steady stream alone: no document is written', async () => {
    await using harness = await onDemandStream()
    await new Producer().run(harness, 120, 30)
    const revisions = async () => (await harness.memory.meta.list('')).map(({ revision }) => revision)
    const before = await revisions()
    await new Producer().run(harness, 120, 30)
    expect(await revisions()).toEqual(before)
  })

  it('gives a provisioned stream that turns on-demand four shards, if it had fewer', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName, ShardCount: 1 })
    await harness.advance(60_000)
    expect(await openShards(harness)).toBe(1)
    await harness.call(UpdateStreamMode, { StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
    await harness.advance(60_000, 1_000)
    expect(await openShards(harness)).toBe(4)
  })

  it('leaves a provisioned stream alone, however busy it is', async () => {
    await using harness = await ServiceHarness.open({ settings: LIMITS })
    await harness.call(CreateStream, { StreamName, ShardCount: 4 })
    await new Producer().run(harness, 60, 100)
    expect(await openShards(harness)).toBe(4)
  })

  it('stops where the account may have no more shards', async () => {
    await using harness = await onDemandStream({ settings: { ...LIMITS, quotas: { shards: 7 } } })
    await new Producer().run(harness, 60, 100)
    expect(await openShards(harness)).toBe(7)
  })
})
