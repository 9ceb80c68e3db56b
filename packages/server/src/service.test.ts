import { CreateStream, GetRecords, GetShardIterator, PutRecord, PutRecords, SplitShard } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { bytesOf, ServiceHarness, textOf } from './testing/service-harness.ts'

async function readAll(
  harness: ServiceHarness,
  shardId: string,
  streamName = 's',
): Promise<{ readonly data: readonly string[]; readonly children: readonly string[] }> {
  const { ShardIterator: first } = await harness.call(GetShardIterator, {
    StreamName: streamName,
    ShardId: shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  })
  const data: string[] = []
  let iterator = first
  while (iterator !== undefined) {
    const page = await harness.call(GetRecords, { ShardIterator: iterator, Limit: 3 })
    data.push(...page.Records.map((record) => textOf(record.Data)))
    if (page.NextShardIterator === undefined) {
      return { data, children: (page.ChildShards ?? []).map((child) => child.ShardId) }
    }
    iterator = page.NextShardIterator
    if (page.MillisBehindLatest === 0 && page.Records.length === 0) break
  }
  return { data, children: [] }
}

describe('a service on the memory engine', () => {
  it('stores what is put and gives it back in order', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: bytesOf('0') })
    await harness.call(PutRecords, {
      StreamName: 's',
      Records: ['1', '2', '3', '4'].map((text) => ({ PartitionKey: 'k', Data: bytesOf(text) })),
    })
    expect(await readAll(harness, 'shardId-000000000000')).toEqual({ data: ['0', '1', '2', '3', '4'], children: [] })
  })

  it('carries a stream over a split: parents end with their children', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: bytesOf('before') })
    await harness.call(SplitShard, {
      StreamName: 's',
      ShardToSplit: '0',
      NewStartingHashKey: '170141183460469231731687303715884105728',
    })
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', ExplicitHashKey: '0', Data: bytesOf('after') })
    expect(await readAll(harness, 'shardId-000000000000')).toEqual({
      data: ['before'],
      children: ['shardId-000000000001', 'shardId-000000000002'],
    })
    expect(await readAll(harness, 'shardId-000000000001')).toEqual({ data: ['after'], children: [] })
  })

  it('opens although a shard is missing below, and serves the others', async () => {
    await using first = await ServiceHarness.open()
    await first.call(CreateStream, { StreamName: 's', ShardCount: 2 })
    await first.memory.shards.drop([1], { deadlineMs: 1_000 })
    await using next = await ServiceHarness.open({ clock: first.clock, memory: first.memory })
    const put = (hash: string): Promise<string> =>
      next.fault(PutRecord, { StreamName: 's', PartitionKey: 'k', ExplicitHashKey: hash, Data: bytesOf('x') })
    expect(await put('340282366920938463463374607431768211455')).toBe('no error')
  })
})
