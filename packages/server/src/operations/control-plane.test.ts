import {
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  HASH_KEY_MAX,
  IncreaseStreamRetentionPeriod,
  ListShards,
  ListStreams,
  MergeShards,
  PutRecord,
  SplitShard,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
const NOT_FOUND = 'ResourceNotFoundException: Stream s under account 123456789012 not found.'

async function withStream(shards = 1, settings = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings })
  await harness.call(CreateStream, { StreamName: 's', ShardCount: shards })
  return harness
}

describe('naming a stream', () => {
  it.each([
    ['by name', { StreamName: 's' }],
    ['by ARN', { StreamARN: ARN }],
    ['by both', { StreamName: 's', StreamARN: ARN }],
    ['by the ARN of another partition', { StreamARN: ARN.replace('aws', 'aws-cn') }],
  ])('works %s', async (_, reference) => {
    await using harness = await withStream()
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, reference)
    expect(StreamDescriptionSummary).toMatchObject({ StreamName: 's', StreamARN: ARN })
  })

  it.each([
    ['neither', {}, 'InvalidArgumentException: Either StreamName or StreamARN should be provided.'],
    [
      'a name and an ARN that disagree',
      { StreamName: 't', StreamARN: ARN },
      `InvalidArgumentException: StreamName t and StreamARN ${ARN} do not refer to the same stream.`,
    ],
    ['a stream that does not exist', { StreamName: 't' }, NOT_FOUND.replace('s under', 't under')],
    ['the ARN of another region', { StreamARN: ARN.replace('us-east-1', 'eu-west-1') }, NOT_FOUND],
    [
      'an ARN that is no stream’s',
      { StreamARN: `${ARN}/consumer/c` },
      NOT_FOUND.replace('s under', 's/consumer/c under'),
    ],
    [
      'the ARN of another account',
      { StreamARN: ARN.replace('123456789012', '210987654321') },
      'AccessDeniedException: User: arn:aws:iam::123456789012:root is not authorized to perform: ' +
        'kinesis:DescribeStreamSummary on resource: arn:aws:kinesis:us-east-1:210987654321:stream/s because no ' +
        'resource-based policy allows the kinesis:DescribeStreamSummary action',
    ],
  ])('fails with %s', async (_, reference, fault) => {
    await using harness = await withStream()
    expect(await harness.fault(DescribeStreamSummary, reference)).toBe(fault)
  })

  it('keeps accounts and regions apart', async () => {
    await using harness = await withStream()
    const elsewhere = { region: 'eu-west-1' }
    expect(await harness.fault(DescribeStreamSummary, { StreamName: 's' }, elsewhere)).toBe(NOT_FOUND)
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 2 }, elsewhere)
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName: 's' }, elsewhere)
    expect(StreamDescriptionSummary).toMatchObject({
      OpenShardCount: 2,
      StreamARN: ARN.replace('us-east-1', 'eu-west-1'),
    })
    expect((await harness.call(ListStreams, {}, { account: '000000000000' })).StreamNames).toEqual([])
  })
})

describe('CreateStream', () => {
  it('makes shards that divide the key space, with the defaults of AWS', async () => {
    await using harness = await ServiceHarness.open()
    const nowMs = harness.clock.now()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 2, Tags: { team: 'mill' } })
    const { StreamDescription } = await harness.call(DescribeStream, { StreamName: 's' })
    expect(StreamDescription).toEqual({
      StreamName: 's',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      StreamCreationTimestamp: nowMs,
      RetentionPeriodHours: 24,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      HasMoreShards: false,
      Shards: [
        {
          ShardId: 'shardId-000000000000',
          HashKeyRange: { StartingHashKey: '0', EndingHashKey: '170141183460469231731687303715884105727' },
          SequenceNumberRange: { StartingSequenceNumber: '49646437577108476416916876405825929425585429676275269634' },
        },
        {
          ShardId: 'shardId-000000000001',
          HashKeyRange: {
            StartingHashKey: '170141183460469231731687303715884105728',
            EndingHashKey: '340282366920938463463374607431768211455',
          },
          SequenceNumberRange: { StartingSequenceNumber: '49646437577130777162115407028967465143858078037781250066' },
        },
      ],
    })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName: 's' })
    expect(StreamDescriptionSummary).toMatchObject({ OpenShardCount: 2, ConsumerCount: 0, MaxRecordSizeInKiB: 1024 })
    expect(StreamDescriptionSummary).not.toHaveProperty('StreamId')
  })

  it.each([
    [
      'a name that is taken, before any quota',
      { StreamName: 's', ShardCount: 100 },
      'ResourceInUseException: Stream s under account 123456789012 already exists.',
    ],
    [
      'more shards than the quota',
      { StreamName: 't', ShardCount: 10 },
      'LimitExceededException: This request would exceed the shard limit for the account 123456789012 in us-east-1. ' +
        'Current shard count for the account: 1. Limit: 10. Number of additional shards that would have resulted from ' +
        'this request: 10. Refer to the AWS Service Limits page ' +
        '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request ' +
        'higher limits.',
    ],
    [
      'on-demand mode with a count',
      { StreamName: 't', ShardCount: 4, StreamModeDetails: { StreamMode: 'ON_DEMAND' as const } },
      'InvalidArgumentException: ShardCount is only allowed for streams in PROVISIONED mode.',
    ],
    [
      'warm throughput without the commitment',
      { StreamName: 't', WarmThroughputMiBps: 10 },
      'InvalidArgumentException: WarmThroughputMiBps is only allowed for accounts with ' +
        'MinimumThroughputBillingCommitment enabled.',
    ],
    [
      'provisioned mode without a count',
      { StreamName: 't', StreamModeDetails: { StreamMode: 'PROVISIONED' as const } },
      'InvalidArgumentException: ShardCount must be given for a stream in PROVISIONED mode.',
    ],
    [
      'placement by the service',
      { StreamName: 't', ShardCount: 1, RecordDistributionStrategy: 'AUTO' as const },
      'InvalidArgumentException: RecordDistributionStrategy AUTO is only allowed for streams in ON_DEMAND mode.',
    ],
    [
      'warm throughput',
      { StreamName: 't', ShardCount: 1, WarmThroughputMiBps: 10 },
      'InvalidArgumentException: WarmThroughputMiBps is only allowed for streams in ON_DEMAND mode.',
    ],
    [
      'more than 50 tags',
      { StreamName: 't', ShardCount: 1, Tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
      'InvalidArgumentException: Failed to add tags to stream t under account 123456789012 because a given stream ' +
        'cannot have more than 50 tags associated with it.',
    ],
  ])('refuses %s', async (_, input, fault) => {
    await using harness = await withStream(1, { quotas: { shards: 10 } })
    expect(await harness.fault(CreateStream, input)).toBe(fault)
    expect((await harness.call(ListStreams, {})).StreamNames).toEqual(['s'])
  })

  it('makes many streams at once', async () => {
    await using harness = await ServiceHarness.open()
    const names = Array.from({ length: 40 }, (_, i) => `s${String(i).padStart(2, '0')}`)
    await Promise.all(names.map((name) => harness.call(CreateStream, { StreamName: name, ShardCount: 2 })))
    expect((await harness.call(ListStreams, {})).StreamNames).toEqual(names)
  })

  it('makes a stream of 10,000 shards, in writes of bounded size', async () => {
    await using harness = await ServiceHarness.open()
    let largest = 0
    using _watch = harness.memory.meta.watch('', (events) => {
      largest = Math.max(
        largest,
        events.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
      )
    })
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 10_000 })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName: 's' })
    expect(StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 10_000 })
    expect(largest).toBeLessThan(512 * 1024)
    const { ShardId } = await harness.call(PutRecord, {
      StreamName: 's',
      PartitionKey: 'k',
      ExplicitHashKey: HASH_KEY_MAX.toString(),
      Data: bytesOf('x'),
    })
    expect(ShardId).toBe('shardId-000000009999')
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })
    await harness.call(DeleteStream, { StreamName: 's' })
    expect(await harness.memory.meta.list('catalog/streams/')).toEqual([])
  })
})

describe('DeleteStream', () => {
  it('leaves nothing behind but a free name', async () => {
    await using harness = await withStream()
    await harness.call(DeleteStream, { StreamName: 's' })
    expect(await harness.fault(DeleteStream, { StreamName: 's' })).toBe(NOT_FOUND)
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 3 })
    expect(
      (await harness.call(DescribeStreamSummary, { StreamName: 's' })).StreamDescriptionSummary.OpenShardCount,
    ).toBe(3)
  })

  it('is allowed while the stream is being created, and refused while it is being deleted', async () => {
    await using harness = await withStream(1, { statusDelayMs: 1000 })
    await harness.call(DeleteStream, { StreamName: 's' })
    expect(await harness.fault(DeleteStream, { StreamName: 's' })).toBe(
      'ResourceInUseException: Stream s under account 123456789012 not ACTIVE, instead in state DELETING',
    )
    await harness.advance(3000, 500)
    expect((await harness.call(ListStreams, {})).StreamNames).toEqual([])
  })
})

describe('DescribeStream', () => {
  it('pages through at most 100 shards at a time, from after any shard id', async () => {
    await using harness = await withStream(150)
    const page = async (input: {
      readonly ExclusiveStartShardId?: string
      readonly Limit?: number
    }): Promise<string> => {
      const { StreamDescription } = await harness.call(DescribeStream, { StreamName: 's', ...input })
      const ids = StreamDescription.Shards.map(({ ShardId }) => Number(ShardId.slice(8)))
      return `${ids.length} from ${ids[0]}${StreamDescription.HasMoreShards ? ' and more' : ''}`
    }
    expect(await page({})).toBe('100 from 0 and more')
    expect(await page({ Limit: 10_000 })).toBe('100 from 0 and more')
    expect(await page({ ExclusiveStartShardId: 'shardId-000000000099' })).toBe('50 from 100')
    expect(await page({ ExclusiveStartShardId: '139', Limit: 5 })).toBe('5 from 140 and more')
    expect(await page({ ExclusiveStartShardId: 'shardId-000000004711' })).toBe('0 from undefined')
  })

  it('does not find a shard id that is none, before it looks for the stream', async () => {
    await using harness = await ServiceHarness.open()
    expect(await harness.fault(DescribeStream, { StreamName: 's', ExclusiveStartShardId: 'ABC' })).toBe(
      'ResourceNotFoundException: Could not find shard ABC in stream s under account 123456789012.',
    )
  })
})

describe('ListStreams', () => {
  it('pages by name, with a token or a name', async () => {
    await using harness = await ServiceHarness.open()
    for (const name of ['c', 'a', 'b']) await harness.call(CreateStream, { StreamName: name, ShardCount: 1 })
    const first = await harness.call(ListStreams, { Limit: 2 })
    expect(first).toMatchObject({ StreamNames: ['a', 'b'], HasMoreStreams: true })
    expect(first.StreamSummaries?.map(({ StreamName, StreamStatus }) => `${StreamName} ${StreamStatus}`)).toEqual([
      'a ACTIVE',
      'b ACTIVE',
    ])
    const rest = { StreamNames: ['c'], HasMoreStreams: false }
    const second = await harness.call(ListStreams, { NextToken: first.NextToken ?? '' })
    expect(second).toMatchObject(rest)
    expect(second).not.toHaveProperty('NextToken')
    expect(await harness.call(ListStreams, { ExclusiveStartStreamName: 'bzz' })).toMatchObject(rest)
  })

  it('lists 100 when not asked for fewer', async () => {
    await using harness = await ServiceHarness.open()
    for (let i = 0; i < 101; i++) await harness.call(CreateStream, { StreamName: `s${i}`, ShardCount: 1 })
    const { StreamNames, HasMoreStreams } = await harness.call(ListStreams, { Limit: 10_000 })
    expect([StreamNames.length, HasMoreStreams]).toEqual([100, true])
  })

  it('refuses tokens that are garbage, too old, another account’s, or given with a name', async () => {
    await using harness = await ServiceHarness.open()
    for (const name of ['a', 'b']) await harness.call(CreateStream, { StreamName: name, ShardCount: 1 })
    const NextToken = (await harness.call(ListStreams, { Limit: 1 })).NextToken ?? ''
    const invalid = 'InvalidArgumentException: Invalid NextToken.'
    expect(await harness.fault(ListStreams, { NextToken: 'garbage' })).toBe(invalid)
    expect(await harness.fault(ListStreams, { NextToken }, { account: '000000000000' })).toBe(invalid)
    expect(await harness.fault(ListStreams, { NextToken, ExclusiveStartStreamName: 'a' })).toBe(
      'InvalidArgumentException: NextToken and ExclusiveStartStreamName cannot be provided together.',
    )
    await harness.advance(300_001)
    expect(await harness.fault(ListStreams, { NextToken })).toBe(
      'ExpiredNextTokenException: NextToken has expired: it is valid for 300 seconds.',
    )
  })
})

describe('ListShards', () => {
  it.each([
    ['nothing', {}, 'Either NextToken or StreamName should be provided.'],
    [
      'a name and a token',
      { StreamName: 's', NextToken: 't' },
      'NextToken and StreamName cannot be provided together.',
    ],
    [
      'a token and a filter',
      { NextToken: 't', ShardFilter: { Type: 'AT_LATEST' as const } },
      'NextToken and ShardFilter cannot be provided together.',
    ],
    [
      'a token and a start',
      { NextToken: 't', ExclusiveStartShardId: '0' },
      'NextToken and ExclusiveStartShardId cannot be provided together.',
    ],
    ['a token that is none', { NextToken: 't' }, 'Invalid NextToken.'],
    [
      'a timestamp filter without one',
      { StreamName: 's', ShardFilter: { Type: 'AT_TIMESTAMP' as const } },
      'ShardFilter of type AT_TIMESTAMP must have a Timestamp.',
    ],
    [
      'a shard filter without one',
      { StreamName: 's', ShardFilter: { Type: 'AFTER_SHARD_ID' as const } },
      'ShardFilter of type AFTER_SHARD_ID must have a ShardId.',
    ],
    [
      'a timestamp that is not asked for',
      { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' as const, Timestamp: 1 } },
      'ShardFilter of type AT_LATEST does not take a Timestamp.',
    ],
    [
      'a future timestamp',
      { StreamName: 's', ShardFilter: { Type: 'FROM_TIMESTAMP' as const, Timestamp: 1_900_000_000_000 } },
      'Timestamp of ShardFilter cannot be in the future.',
    ],
  ])('refuses %s', async (_, input, text) => {
    await using harness = await withStream()
    expect(await harness.fault(ListShards, input)).toBe(`InvalidArgumentException: ${text}`)
  })

  it('pages in order of ids, keeping its filter, with another page size each time', async () => {
    await using harness = await withStream(5)
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '100' })
    const filter = { Type: 'AT_LATEST' as const }
    const ids: string[] = []
    let page = await harness.call(ListShards, { StreamName: 's', ShardFilter: filter, MaxResults: 1 })
    for (;;) {
      ids.push(...(page.Shards ?? []).map(({ ShardId }) => ShardId.slice(-1)))
      if (page.NextToken === undefined) break
      page = await harness.call(ListShards, { NextToken: page.NextToken, MaxResults: 2 })
    }
    expect(ids).toEqual(['1', '2', '3', '4', '5', '6'])
  })

  it('lists 1,000 at most', async () => {
    await using harness = await withStream(1001)
    const page = await harness.call(ListShards, { StreamName: 's', MaxResults: 10_000 })
    expect(page.Shards).toHaveLength(1000)
    expect((await harness.call(ListShards, { NextToken: page.NextToken ?? '' })).Shards).toHaveLength(1)
  })

  it('shows lineage and sequence numbers of closed and open shards', async () => {
    await using harness = await withStream(2)
    await harness.advance(10_000)
    await harness.call(MergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' })
    const { Shards = [] } = await harness.call(ListShards, { StreamName: 's' })
    expect(Shards.map((shard) => Object.keys(shard.SequenceNumberRange).length)).toEqual([2, 2, 1])
    expect(Shards[2]).toMatchObject({
      ParentShardId: 'shardId-000000000000',
      AdjacentParentShardId: 'shardId-000000000001',
    })
    expect(Shards[0]).not.toHaveProperty('ParentShardId')
    const start = BigInt(Shards[2]?.SequenceNumberRange.StartingSequenceNumber ?? 0)
    for (const parent of Shards.slice(0, 2))
      expect(start).toBeGreaterThan(BigInt(parent.SequenceNumberRange.EndingSequenceNumber ?? 0))
  })

  it('picks a stream by its creation time', async () => {
    await using harness = await withStream()
    const created = harness.clock.now()
    expect((await harness.call(ListShards, { StreamName: 's', StreamCreationTimestamp: created })).Shards).toHaveLength(
      1,
    )
    expect(await harness.fault(ListShards, { StreamName: 's', StreamCreationTimestamp: created - 5000 })).toBe(
      NOT_FOUND,
    )
  })

  it('does not continue in another stream that got the name meanwhile', async () => {
    await using harness = await withStream(3)
    const { NextToken = '' } = await harness.call(ListShards, { StreamName: 's', MaxResults: 1 })
    await harness.call(DeleteStream, { StreamName: 's' })
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 3 })
    expect(await harness.fault(ListShards, { NextToken })).toBe(NOT_FOUND)
  })

  it('says that a stream in creation is not active', async () => {
    await using harness = await withStream(1, { statusDelayMs: 1000 })
    expect(await harness.fault(ListShards, { StreamName: 's' })).toBe(
      'ResourceInUseException: Stream s under account 123456789012 not ACTIVE, instead in state CREATING',
    )
  })
})

describe('SplitShard and MergeShards', () => {
  const quotaText =
    /^LimitExceededException: This request would exceed the shard limit .* would have resulted from this request: 1\. /

  it.each([
    [
      'an id that is none, before the stream',
      { StreamName: 't', ShardToSplit: 'ABC', NewStartingHashKey: '5' },
      'ResourceNotFoundException: Could not find shard ABC in stream t under account 123456789012.',
    ],
    [
      'a missing stream',
      { StreamName: 't', ShardToSplit: '0', NewStartingHashKey: '5' },
      NOT_FOUND.replace('s under', 't under'),
    ],
    [
      'a missing shard',
      { StreamName: 's', ShardToSplit: '5', NewStartingHashKey: '5' },
      'ResourceNotFoundException: Could not find shard shardId-000000000005 in stream s under account 123456789012.',
    ],
    [
      'a hash key at the start + 1',
      { StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '1' },
      'InvalidArgumentException: NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream s ' +
        "under account 123456789012 is not both greater than one plus the shard's StartingHashKey 0 and less than the " +
        "shard's EndingHashKey 170141183460469231731687303715884105727.",
    ],
  ])('SplitShard refuses %s', async (_, input, fault) => {
    await using harness = await withStream(2)
    expect(await harness.fault(SplitShard, input)).toBe(fault)
  })

  it('SplitShard checks the quota before the hash key', async () => {
    await using harness = await withStream(2, { quotas: { shards: 2 } })
    expect(await harness.fault(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1' })).toMatch(
      quotaText,
    )
  })

  it.each([
    ['reversed', '1', '0', 'Shards shardId-000000000001 and shardId-000000000000'],
    ['apart', '0', '2', 'Shards shardId-000000000000 and shardId-000000000002'],
    ['the same twice', '1', '1', 'Shards shardId-000000000001 and shardId-000000000001'],
  ])('MergeShards refuses shards that are %s', async (_, lower, upper, shards) => {
    await using harness = await withStream(3)
    const input = { StreamName: 's', ShardToMerge: lower, AdjacentShardToMerge: upper }
    expect(await harness.fault(MergeShards, input)).toBe(
      `InvalidArgumentException: ${shards} in stream s under account 123456789012 are not an adjacent pair of shards eligible for merging`,
    )
  })

  it('both refuse shards that are closed', async () => {
    await using harness = await withStream(2)
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '5' })
    const closed =
      'InvalidArgumentException: Shard shardId-000000000000 in stream s under account 123456789012 has already been ' +
      'merged or split, and thus is not eligible for merging or splitting.'
    expect(await harness.fault(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '5' })).toBe(
      closed,
    )
    expect(await harness.fault(MergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' })).toBe(
      closed,
    )
  })

  it('both are refused while the stream is not active', async () => {
    await using harness = await withStream(2, { statusDelayMs: 1000 })
    const split = { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '5' }
    const merge = { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' }
    const inState = (state: string): string =>
      `ResourceInUseException: Stream s under account 123456789012 not ACTIVE, instead in state ${state}`
    expect(await harness.fault(SplitShard, split)).toBe(inState('CREATING'))
    expect(await harness.fault(MergeShards, merge)).toBe(inState('CREATING'))
    await harness.advance(3000, 500)
    await harness.call(SplitShard, split)
    expect(await harness.fault(SplitShard, { ...split, ShardToSplit: '1' })).toBe(inState('UPDATING'))
    expect(await harness.fault(MergeShards, merge)).toBe(inState('UPDATING'))
  })

  it('of two splits of one shard at once only one happens', async () => {
    await using harness = await withStream(1)
    const split = (at: string): Promise<string> =>
      harness.fault(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: at })
    const faults = await Promise.all([split('10'), split('20')])
    expect(faults.filter((fault) => fault === 'no error')).toHaveLength(1)
    expect((await harness.call(ListShards, { StreamName: 's' })).Shards).toHaveLength(3)
  })
})

const Increase = { name: 'Increase', operation: IncreaseStreamRetentionPeriod }
const Decrease = { name: 'Decrease', operation: DecreaseStreamRetentionPeriod }

describe('retention', () => {
  it.each([
    [Increase, 23, 'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.'],
    [Decrease, -1, 'Minimum allowed retention period is 24 hours. Requested retention period (-1 hours) is too short.'],
    [
      Increase,
      8761,
      'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.',
    ],
    [
      Increase,
      24,
      'Requested retention period (24 hours) for stream s can not be shorter than existing retention period (25 hours). Use DecreaseRetentionPeriod API.',
    ],
    [
      Decrease,
      26,
      'Requested retention period (26 hours) for stream s can not be longer than existing retention period (25 hours). Use IncreaseRetentionPeriod API.',
    ],
  ])('cannot be changed by $0.name to $1 hours', async ({ operation }, hours, text) => {
    await using harness = await withStream()
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 25 })
    expect(await harness.fault(operation, { StreamName: 's', RetentionPeriodHours: hours })).toBe(
      `InvalidArgumentException: ${text}`,
    )
    expect(await harness.fault(operation, { StreamName: 't', RetentionPeriodHours: hours })).toBe(
      NOT_FOUND.replace('s under', 't under'),
    )
  })

  it('takes the present value in both directions, and the longest', async () => {
    await using harness = await withStream()
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 24 })
    await harness.call(DecreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 24 })
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 8760 })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName: 's' })
    expect(StreamDescriptionSummary.RetentionPeriodHours).toBe(8760)
  })
})

describe('an operation that is not served', () => {
  it('is unknown', async () => {
    await using harness = await ServiceHarness.open()
    const absent = { ...CreateStream, name: 'CreateQueue' }
    expect(await harness.fault(absent, { StreamName: 's', ShardCount: 1 })).toBe('UnknownOperationException')
  })
})
