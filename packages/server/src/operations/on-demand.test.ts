import {
  CreateStream,
  DescribeLimits,
  DescribeStream,
  DescribeStreamSummary,
  ListShards,
  ListStreams,
  MergeShards,
  PutRecord,
  PutRecords,
  SplitShard,
  UpdateAccountSettings,
  UpdateShardCount,
  UpdateStreamMode,
  UpdateStreamRecordDistributionStrategy,
  UpdateStreamWarmThroughput,
} from '@millrace/protocol'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'
import { readStream } from '../testing/whole-stream.ts'

const StreamName = 's'
const StreamARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
const HOUR_MS = 3_600_000
const ON_DEMAND = { StreamMode: 'ON_DEMAND' as const }
const PROVISIONED = { StreamMode: 'PROVISIONED' as const }
const COMMITMENT_NEEDED =
  'InvalidArgumentException: WarmThroughputMiBps is only allowed for accounts with ' +
  'MinimumThroughputBillingCommitment enabled.'
const ON_DEMAND_ONLY = 'InvalidArgumentException: WarmThroughputMiBps is only allowed for streams in ON_DEMAND mode.'

const summaryOf = async (harness: ServiceHarness) =>
  (await harness.call(DescribeStreamSummary, { StreamName })).StreamDescriptionSummary
const commit = (harness: ServiceHarness, Status: 'ENABLED' | 'DISABLED' = 'ENABLED') =>
  harness.call(UpdateAccountSettings, { MinimumThroughputBillingCommitment: { Status } })

async function withStream(input = {}, settings = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings })
  await harness.call(CreateStream, { StreamName, ...input })
  return harness
}

describe('CreateStream in ON_DEMAND mode', () => {
  it.each([
    ['as it is asked', { StreamModeDetails: ON_DEMAND }],
    ['with neither mode nor count', {}],
  ])('makes four shards: %s', async (_, input) => {
    await using harness = await withStream(input)
    expect(await summaryOf(harness)).toMatchObject({
      StreamModeDetails: ON_DEMAND,
      OpenShardCount: 4,
      RecordDistributionStrategy: 'USER_PARTITION_KEY',
    })
    const { StreamDescription } = await harness.call(DescribeStream, { StreamName })
    expect(StreamDescription.StreamModeDetails).toEqual(ON_DEMAND)
    const { StreamSummaries } = await harness.call(ListStreams, {})
    expect(StreamSummaries?.[0]?.StreamModeDetails).toEqual(ON_DEMAND)
  })

  it('tells of a provisioned stream nothing that only an on-demand one has', async () => {
    await using harness = await withStream({ ShardCount: 1 })
    await commit(harness)
    const summary = await summaryOf(harness)
    expect(summary).not.toHaveProperty('RecordDistributionStrategy')
    expect(summary).not.toHaveProperty('WarmThroughput')
  })

  it('begins with what warm throughput needs, for accounts with the commitment', async () => {
    await using harness = await ServiceHarness.open()
    await commit(harness)
    await harness.call(CreateStream, { StreamName, WarmThroughputMiBps: 10 })
    expect(await summaryOf(harness)).toMatchObject({
      OpenShardCount: 10,
      WarmThroughput: { TargetMiBps: 10, CurrentMiBps: 10 },
    })
    expect(await harness.fault(CreateStream, { StreamName: 't', WarmThroughputMiBps: 10_241 })).toBe(
      'InvalidArgumentException: WarmThroughputMiBps must be at most 10240.',
    )
  })

  it('counts such streams, and refuses more than the quota in the words of the service', async () => {
    await using harness = await withStream({}, { quotas: { onDemandStreams: 1 } })
    await harness.call(CreateStream, { StreamName: 'p', ShardCount: 1 })
    expect(await harness.call(DescribeLimits, {})).toMatchObject({
      OnDemandStreamCount: 1,
      OnDemandStreamCountLimit: 1,
      OpenShardCount: 5,
    })
    const refused =
      'LimitExceededException: This request would exceed the limit on the number of On-Demand streams for the ' +
      'account `123456789012` in `us-east-1`. Current On-Demand streams count: 1. Limit: 1.'
    expect(await harness.fault(CreateStream, { StreamName: 't' })).toBe(refused)
    const p = StreamARN.replace(/s$/, 'p')
    expect(await harness.fault(UpdateStreamMode, { StreamARN: p, StreamModeDetails: ON_DEMAND })).toBe(refused)
  })
})

describe('an on-demand stream', () => {
  it('refuses reshards by hand, before it looks at anything else', async () => {
    await using harness = await withStream()
    const refused = 'ValidationException: Request is invalid. Stream s under account 123456789012 is in On-Demand mode.'
    const split = { StreamName, ShardToSplit: 'shardId-000000000009', NewStartingHashKey: '1000' }
    expect(await harness.fault(SplitShard, split)).toBe(refused)
    const merge = { StreamName, ShardToMerge: 'shardId-000000000000', AdjacentShardToMerge: 'shardId-000000000001' }
    expect(await harness.fault(MergeShards, merge)).toBe(refused)
    const scale = { StreamName, TargetShardCount: 8, ScalingType: 'UNIFORM_SCALING' as const }
    expect(await harness.fault(UpdateShardCount, scale)).toBe(refused)
  })
})

describe('RecordDistributionStrategy', () => {
  it('AUTO gives each shard its turn, wants no key, and gives back the keys that were given', async () => {
    await using harness = await withStream({ RecordDistributionStrategy: 'AUTO' })
    expect(await summaryOf(harness)).toMatchObject({ RecordDistributionStrategy: 'AUTO' })
    const Records = Array.from({ length: 40 }, (_, i) => ({
      Data: bytesOf(String(i)),
      ...(i % 2 === 0 ? {} : { PartitionKey: 'same', ExplicitHashKey: (2n ** 128n).toString() }),
    }))
    const put = await harness.call(PutRecords, { StreamName, Records })
    const perShard = [0, 0, 0, 0]
    for (const { ShardId = '' } of put.Records) {
      const shard = Number(ShardId.slice(-1))
      perShard[shard] = (perShard[shard] ?? 0) + 1
    }
    expect(perShard).toEqual([10, 10, 10, 10])
    await harness.call(PutRecord, { StreamARN, Data: bytesOf('40') })
    const read = await readStream(harness, StreamName)
    expect(read.map(({ text }) => Number(text)).sort((a, b) => a - b)).toEqual(Array.from({ length: 41 }, (_, i) => i))
    for (const { key, text } of read) expect(key).toBe(Number(text) % 2 === 0 ? '' : 'same')
  })

  it('changes from one record to the next, and keys are needed again', async () => {
    await using harness = await withStream()
    const choose = (RecordDistributionStrategy: 'AUTO' | 'USER_PARTITION_KEY') =>
      harness.call(UpdateStreamRecordDistributionStrategy, { StreamARN, RecordDistributionStrategy })
    const shardsOfPuts = async () => {
      const ids = new Set<string>()
      for (let i = 0; i < 8; i++)
        ids.add((await harness.call(PutRecord, { StreamName, PartitionKey: 'k', Data: bytesOf('x') })).ShardId)
      return ids.size
    }
    expect(await shardsOfPuts()).toBe(1)
    await choose('AUTO')
    expect(await shardsOfPuts()).toBe(4)
    await choose('USER_PARTITION_KEY')
    expect(await shardsOfPuts()).toBe(1)
    const keyless =
      "ValidationException: 1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: " +
      'Member must not be null'
    expect(await harness.fault(PutRecord, { StreamName, Data: bytesOf('x') })).toBe(keyless)
    expect(await harness.fault(PutRecord, { StreamName: 'nobody', Data: bytesOf('x') })).toBe(keyless)
  })
})

describe('UpdateStreamMode', () => {
  const to = (StreamModeDetails: { readonly StreamMode: 'ON_DEMAND' | 'PROVISIONED' }) => ({
    StreamARN,
    StreamModeDetails,
  })

  it('keeps the shards in both directions', async () => {
    await using harness = await withStream({ ShardCount: 2 })
    const before = await harness.call(ListShards, { StreamName })
    await harness.call(UpdateStreamMode, to(ON_DEMAND))
    expect(await summaryOf(harness)).toMatchObject({ StreamStatus: 'ACTIVE', StreamModeDetails: ON_DEMAND })
    expect(await harness.call(ListShards, { StreamName })).toEqual(before)
    await harness.call(UpdateStreamMode, to(PROVISIONED))
    expect(await summaryOf(harness)).toMatchObject({ StreamStatus: 'ACTIVE', StreamModeDetails: PROVISIONED })
    expect(await harness.call(ListShards, { StreamName })).toEqual(before)
    await harness.call(UpdateShardCount, { StreamName, TargetShardCount: 3, ScalingType: 'UNIFORM_SCALING' })
  })

  it('works twice a day, whoever serves the stream; to the present mode it changes and counts nothing', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    const refused =
      'LimitExceededException: UpdateStreamMode can be called at most 2 times in 24 hours for stream s under account ' +
      '123456789012.'
    {
      await using first = await ServiceHarness.open({ clock, memory })
      await first.call(CreateStream, { StreamName, ShardCount: 4 })
      for (let i = 0; i < 3; i++) await first.call(UpdateStreamMode, to(PROVISIONED))
      await first.call(UpdateStreamMode, to(ON_DEMAND))
      await first.advance(HOUR_MS)
      await first.call(UpdateStreamMode, to(PROVISIONED))
      expect(await first.fault(UpdateStreamMode, to(ON_DEMAND))).toBe(refused)
    }
    await using second = await ServiceHarness.open({ clock, memory })
    expect(await second.fault(UpdateStreamMode, to(ON_DEMAND))).toBe(refused)
    await second.advance(23 * HOUR_MS)
    await second.call(UpdateStreamMode, to(ON_DEMAND))
    expect(await second.fault(UpdateStreamMode, to(PROVISIONED))).toBe(refused)
  })

  it('refuses what is not there, what is changing, and warm throughput where it has no place', async () => {
    await using harness = await withStream({ ShardCount: 1 }, { statusDelayMs: 500 })
    expect(await harness.fault(UpdateStreamMode, to(ON_DEMAND))).toBe(
      'ResourceInUseException: Stream s under account 123456789012 not ACTIVE, instead in state CREATING',
    )
    await harness.advance(1_000, 50)
    const other = { ...to(ON_DEMAND), StreamARN: `${StreamARN}x` }
    expect(await harness.fault(UpdateStreamMode, other)).toMatch(/^ResourceNotFoundException: Stream sx under/)
    const warm = { ...to(ON_DEMAND), WarmThroughputMiBps: 6 }
    expect(await harness.fault(UpdateStreamMode, { ...warm, StreamModeDetails: PROVISIONED })).toBe(ON_DEMAND_ONLY)
    expect(await harness.fault(UpdateStreamMode, warm)).toBe(COMMITMENT_NEEDED)
    await commit(harness)
    await harness.call(UpdateStreamMode, warm)
    expect(await summaryOf(harness)).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 1 })
    await harness.advance(1_000, 50)
    expect(await summaryOf(harness)).toMatchObject({
      StreamStatus: 'ACTIVE',
      OpenShardCount: 2,
      WarmThroughput: { TargetMiBps: 6, CurrentMiBps: 2 },
    })
    expect(await harness.fault(UpdateStreamMode, warm)).toBe(
      'InvalidArgumentException: WarmThroughputMiBps is only allowed when the mode of a stream changes to ON_DEMAND.',
    )
  })
})

describe('UpdateStreamWarmThroughput', () => {
  const warm = (WarmThroughputMiBps: number) => ({ StreamName, WarmThroughputMiBps })

  it('answers with what is there, and the rest follows', async () => {
    await using harness = await withStream()
    await commit(harness)
    expect(await harness.call(UpdateStreamWarmThroughput, warm(7))).toEqual({
      StreamARN,
      StreamName,
      WarmThroughput: { TargetMiBps: 7, CurrentMiBps: 7 },
    })
    expect(await harness.call(UpdateStreamWarmThroughput, warm(30))).toMatchObject({
      WarmThroughput: { TargetMiBps: 30, CurrentMiBps: 14 },
    })
    await harness.advance(60_000, 1_000)
    expect((await summaryOf(harness)).WarmThroughput).toEqual({ TargetMiBps: 30, CurrentMiBps: 30 })
    await harness.call(UpdateStreamWarmThroughput, warm(0))
    await harness.advance(120_000, 1_000)
    expect((await summaryOf(harness)).WarmThroughput).toEqual({ TargetMiBps: 0, CurrentMiBps: 4 })
  })

  it('refuses who has not committed, who asks for too much, and streams that cannot have it', async () => {
    await using harness = await withStream({}, { quotas: { shards: 20 } })
    await harness.call(CreateStream, { StreamName: 'p', ShardCount: 1 })
    expect(await harness.fault(UpdateStreamWarmThroughput, warm(7))).toBe(COMMITMENT_NEEDED)
    await commit(harness)
    expect(await harness.fault(UpdateStreamWarmThroughput, { ...warm(7), StreamName: 'p' })).toBe(ON_DEMAND_ONLY)
    expect(await harness.fault(UpdateStreamWarmThroughput, { ...warm(7), StreamName: 'nobody' })).toMatch(
      /^ResourceNotFoundException: /,
    )
    expect(await harness.fault(UpdateStreamWarmThroughput, warm(10_241))).toMatch(/must be at most 10240\.$/)
    expect(await harness.fault(UpdateStreamWarmThroughput, warm(20))).toMatch(
      /^LimitExceededException: .* Current shard count for the account: 5\. Limit: 20\. Number of additional shards that would have resulted from this request: 16\./,
    )
    expect(await summaryOf(harness)).toMatchObject({ WarmThroughput: { TargetMiBps: 0, CurrentMiBps: 4 } })
  })

  it('lasts as long as the commitment', async () => {
    await using harness = await withStream()
    await commit(harness)
    await harness.call(UpdateStreamWarmThroughput, warm(8))
    await commit(harness, 'DISABLED')
    await harness.advance(23 * HOUR_MS, HOUR_MS)
    expect(await summaryOf(harness)).toMatchObject({ OpenShardCount: 8, WarmThroughput: { TargetMiBps: 8 } })
    await harness.advance(2 * HOUR_MS, HOUR_MS / 10)
    const summary = await summaryOf(harness)
    expect(summary.OpenShardCount).toBe(4)
    expect(summary).not.toHaveProperty('WarmThroughput')
  })
})
