import { setImmediate } from 'node:timers/promises'

import { CreateStream, DescribeStreamSummary, ListShards, SplitShard, UpdateShardCount } from '@millrace/protocol'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { ServiceHarness } from '../testing/service-harness.ts'

const StreamName = 's'
const HOUR_MS = 3_600_000
const to = (TargetShardCount: number) => ({ StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' as const })

async function withStream(shards: number, settings = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings })
  await harness.call(CreateStream, { StreamName, ShardCount: shards })
  return harness
}

describe('UpdateShardCount', () => {
  it('answers with the counts and the ARN, once it is done', async () => {
    await using harness = await withStream(2)
    expect(await harness.call(UpdateShardCount, to(4))).toEqual({
      StreamName,
      CurrentShardCount: 2,
      TargetShardCount: 4,
      StreamARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/s',
    })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(StreamDescriptionSummary).toMatchObject({ OpenShardCount: 4, StreamStatus: 'ACTIVE' })
  })

  it('to as many shards as there are changes nothing', async () => {
    await using harness = await withStream(2)
    await harness.call(SplitShard, { StreamName, ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '1000' })
    await harness.call(UpdateShardCount, to(3))
    expect((await harness.call(ListShards, { StreamName })).Shards).toHaveLength(4)
  })

  it('refuses what is out of reach, in the words of the service', async () => {
    await using harness = await withStream(5, { quotas: { shards: 8 } })
    const refused = (target: number) => harness.fault(UpdateShardCount, to(target))
    expect(await refused(11)).toBe(
      'LimitExceededException: UpdateShardCount cannot scale up over double your current open shard count. ' +
        'Current open shard count: 5 Target shard count: 11',
    )
    expect(await refused(2)).toBe(
      'LimitExceededException: UpdateShardCount cannot scale down below half your current open shard count. ' +
        'Current open shard count: 5 Target shard count: 2',
    )
    expect(await refused(9)).toBe(
      'LimitExceededException: Target shard count or number of open shards cannot be greater than 8. ' +
        'Current open shard count: 5, Target shard count: 9',
    )
  })

  it('refuses while the stream is changing', async () => {
    await using harness = await withStream(2, { statusDelayMs: 500 })
    await harness.advance(1_000, 50)
    await harness.call(UpdateShardCount, to(4))
    expect(await harness.fault(UpdateShardCount, to(4))).toBe(
      'ResourceInUseException: Stream s under account 123456789012 not ACTIVE, instead in state UPDATING',
    )
    await harness.advance(600, 50)
    expect((await harness.call(ListShards, { StreamName })).Shards).toHaveLength(6)
  })

  it('counts the shards that another scaling is about to open', async () => {
    await using harness = await withStream(10, { statusDelayMs: 500, quotas: { shards: 30 } })
    await harness.call(CreateStream, { StreamName: 'other', ShardCount: 10 })
    await harness.advance(1_000, 50)
    await harness.call(UpdateShardCount, to(20))
    expect(await harness.fault(UpdateShardCount, { ...to(20), StreamName: 'other' })).toMatch(
      /^LimitExceededException: Target shard count or number of open shards cannot be greater than 30\./,
    )
  })

  it('scales down whatever the quota has become', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    {
      await using first = await ServiceHarness.open({ clock, memory })
      await first.call(CreateStream, { StreamName, ShardCount: 20 })
    }
    await using second = await ServiceHarness.open({ clock, memory, settings: { quotas: { shards: 8 } } })
    expect(await second.call(UpdateShardCount, to(10))).toMatchObject({ CurrentShardCount: 20, TargetShardCount: 10 })
    expect(await second.fault(UpdateShardCount, to(11))).toMatch(/cannot be greater than 8\./)
  })

  it('in rounds keeps no other stream waiting', async () => {
    await using harness = await withStream(130, { statusDelayMs: 500 })
    await harness.advance(1_000, 50)
    await harness.call(UpdateShardCount, to(260))
    await harness.call(CreateStream, { StreamName: 'other', ShardCount: 1 })
    const status = async (name: string) =>
      (await harness.call(DescribeStreamSummary, { StreamName: name })).StreamDescriptionSummary
    await harness.advance(500, 50)
    expect(await status('other')).toMatchObject({ StreamStatus: 'ACTIVE' })
    expect(await status(StreamName)).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 130 + 64 })
    await harness.advance(500, 50)
    expect(await status(StreamName)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 260 })
  })

  it('gives everybody else a turn between its rounds, in memory, too', async () => {
    await using harness = await withStream(130)
    const scaling = harness.call(UpdateShardCount, to(260))
    const seen: (number | undefined)[] = []
    for (let turn = 0; turn < 10; turn++) {
      await setImmediate()
      const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
      seen.push(StreamDescriptionSummary.OpenShardCount)
    }
    await scaling
    expect([...new Set(seen)]).toEqual([130 + 64, 130 + 128, 260])
  })

  it('ten times a day, whoever serves the stream', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    {
      await using first = await ServiceHarness.open({ clock, memory })
      await first.call(CreateStream, { StreamName, ShardCount: 1 })
      for (let i = 0; i < 10; i++) {
        await first.call(UpdateShardCount, to(i % 2 === 0 ? 2 : 1))
        // Births lead the clock by no more than a little.
        await first.advance(HOUR_MS, HOUR_MS / 10)
      }
    }
    await using second = await ServiceHarness.open({ clock, memory })
    expect(await second.fault(UpdateShardCount, to(2))).toMatch(/^LimitExceededException: .*10 times in 24 hours/)
    await second.advance(14 * HOUR_MS, HOUR_MS)
    await second.call(UpdateShardCount, to(2))
  })

  it('as often as the quota says, or as one likes', async () => {
    await using counted = await withStream(1, { quotas: { scalings: 1 } })
    await counted.call(UpdateShardCount, to(2))
    await counted.advance(60_000, 1_000)
    expect(await counted.fault(UpdateShardCount, to(1))).toMatch(/at most 1 times in 24 hours/)
    await using free = await withStream(1, { quotas: { scalings: Infinity } })
    for (let i = 0; i < 12; i++) {
      await free.call(UpdateShardCount, to(i % 2 === 0 ? 2 : 1))
      await free.advance(60_000, 1_000)
    }
    expect((await free.call(ListShards, { StreamName })).Shards).not.toHaveLength(0)
  })
})
