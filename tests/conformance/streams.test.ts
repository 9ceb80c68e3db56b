import {
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  IncreaseStreamRetentionPeriodCommand,
  ListShardsCommand,
  type ListShardsCommandInput,
  ListStreamsCommand,
  PutRecordCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, iteratorAt, shardsOf } from './support/records.ts'
import { onEveryEngine, refusal, streamArn } from './support/service.ts'

const notFound = (name: string): object => ({
  name: 'ResourceNotFoundException',
  message: `Stream ${name} under account 000000000000 not found.`,
  status: 400,
})

describe('DeleteStream', () => {
  onEveryEngine((service) => {
    it('ends the stream, its iterators and its records; the name is free again', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const put = await service.sdk.send(
        new PutRecordCommand({ StreamName: name, Data: bytes('old'), PartitionKey: 'k' }),
      )
      const ShardIterator = await iteratorAt(service.sdk, name, 'shardId-000000000000')
      await service.sdk.send(new DeleteStreamCommand({ StreamName: name }))
      expect(await refusal(service.sdk.send(new DescribeStreamCommand({ StreamName: name })))).toEqual(notFound(name))
      expect(await refusal(service.sdk.send(new GetRecordsCommand({ ShardIterator })))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Shard shardId-000000000000 in stream ${name} under account 000000000000 does not exist`,
        status: 400,
      })
      await createStream(service.sdk, name)
      const fresh = await service.sdk.send(
        new GetRecordsCommand({ ShardIterator: await iteratorAt(service.sdk, name, 'shardId-000000000000') }),
      )
      expect(fresh.Records).toEqual([])
      const refused = await refusal(
        iteratorAt(service.sdk, name, 'shardId-000000000000', 'AT_SEQUENCE_NUMBER', {
          StartingSequenceNumber: put.SequenceNumber ?? '',
        }),
      )
      expect(refused.message).toMatch(/is invalid because it did not come from this stream\.$/)
    })

    it('refuses a stream that is not there', async () => {
      expect(await refusal(service.sdk.send(new DeleteStreamCommand({ StreamName: 'nobody' })))).toEqual(
        notFound('nobody'),
      )
    })
  })
})

describe('DescribeStream and DescribeStreamSummary', () => {
  onEveryEngine((service) => {
    it('page through shards', async () => {
      const name = await createStream(service.sdk, service.streamName(), 120)
      const first = await service.sdk.send(new DescribeStreamCommand({ StreamName: name }))
      expect(first.StreamDescription?.Shards).toHaveLength(100)
      expect(first.StreamDescription?.HasMoreShards).toBe(true)
      const second = await service.sdk.send(
        new DescribeStreamCommand({ StreamName: name, ExclusiveStartShardId: 'shardId-000000000099' }),
      )
      expect(second.StreamDescription?.Shards).toHaveLength(20)
      expect(second.StreamDescription?.HasMoreShards).toBe(false)
    })

    it('take an ARN, refuse strangers, and print the name of one asked for by ARN', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const { StreamDescriptionSummary } = await service.sdk.send(
        new DescribeStreamSummaryCommand({ StreamARN: streamArn(name) }),
      )
      expect(StreamDescriptionSummary?.StreamName).toBe(name)
      for (const command of [
        new DescribeStreamCommand({ StreamARN: streamArn('nobody') }),
        new DescribeStreamSummaryCommand({ StreamName: 'nobody' }),
      ])
        expect(await refusal(service.sdk.send(command as DescribeStreamCommand))).toEqual(notFound('nobody'))
    })

    it('refuse an ARN in place of a name', async () => {
      const refused = await refusal(service.sdk.send(new DescribeStreamCommand({ StreamName: streamArn('x') })))
      expect(refused).toMatchObject({ name: 'ValidationException' })
    })
  })
})

describe('ListStreams', () => {
  onEveryEngine((service) => {
    it('lists names in order, in pages, with their summaries', async () => {
      const names = [service.streamName(), service.streamName(), service.streamName()].map((name) => `list-${name}`)
      for (const name of names.toReversed()) await createStream(service.sdk, name)
      const first = await service.sdk.send(new ListStreamsCommand({ Limit: 2, ExclusiveStartStreamName: 'list-' }))
      expect(first.StreamNames).toEqual(names.slice(0, 2))
      expect(first.HasMoreStreams).toBe(true)
      expect(first.StreamSummaries?.map((summary) => summary.StreamARN)).toEqual(names.slice(0, 2).map(streamArn))
      expect(first.StreamSummaries?.[0]).toMatchObject({
        StreamName: names[0],
        StreamStatus: 'ACTIVE',
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
      })
      const second = await service.sdk.send(new ListStreamsCommand({ NextToken: first.NextToken, Limit: 100 }))
      expect(second.StreamNames?.slice(0, 1)).toEqual(names.slice(2))
      expect(second.HasMoreStreams).toBe(false)
      expect(second).not.toHaveProperty('NextToken')
    })
  })
})

describe('ListShards', () => {
  onEveryEngine((service) => {
    const ids = async (input: ListShardsCommandInput): Promise<string> =>
      ((await service.sdk.send(new ListShardsCommand(input))).Shards ?? [])
        .map((shard) => Number(shard.ShardId?.slice(8)))
        .join(' ')

    it('pages by token, which stands for the stream', async () => {
      const name = await createStream(service.sdk, service.streamName(), 5)
      const first = await service.sdk.send(new ListShardsCommand({ StreamName: name, MaxResults: 2 }))
      expect(first.Shards).toHaveLength(2)
      expect(await ids({ NextToken: first.NextToken })).toBe('2 3 4')
    })

    it('filters by what was open when', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      await service.sdk.send(
        new SplitShardCommand({
          StreamName: name,
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: (2n ** 126n).toString(),
        }),
      )
      expect(await ids({ StreamName: name })).toBe('0 1 2 3')
      expect(await ids({ StreamName: name, ShardFilter: { Type: 'AT_LATEST' } })).toBe('1 2 3')
      expect(await ids({ StreamName: name, ShardFilter: { Type: 'AT_TRIM_HORIZON' } })).toBe('0 1')
      expect(await ids({ StreamName: name, ShardFilter: { Type: 'FROM_TRIM_HORIZON' } })).toBe('0 1 2 3')
      expect(
        await ids({ StreamName: name, ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000001' } }),
      ).toBe('2 3')
      expect(await ids({ StreamName: name, ExclusiveStartShardId: 'shardId-000000000002' })).toBe('3')
      expect(await ids({ StreamName: name, ShardFilter: { Type: 'FROM_TIMESTAMP', Timestamp: new Date(0) } })).toBe(
        '0 1 2 3',
      )
    })

    it.each([
      [{}, 'Either NextToken or StreamName should be provided.'],
      [{ StreamName: 'x', NextToken: 'y' }, 'NextToken and StreamName cannot be provided together.'],
      [
        { NextToken: 'y', ShardFilter: { Type: 'AT_LATEST' as const } },
        'NextToken and ShardFilter cannot be provided together.',
      ],
    ])('refuses %j', async (input, message) => {
      expect(await refusal(service.sdk.send(new ListShardsCommand(input)))).toEqual({
        name: 'InvalidArgumentException',
        message,
        status: 400,
      })
    })
  })
})

describe('IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod', () => {
  onEveryEngine((service) => {
    const increase = (name: string, hours: number): Promise<unknown> =>
      service.sdk.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: hours }))
    const decrease = (name: string, hours: number): Promise<unknown> =>
      service.sdk.send(new DecreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: hours }))
    const hours = async (name: string): Promise<number | undefined> =>
      (await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName: name }))).StreamDescriptionSummary
        ?.RetentionPeriodHours

    it('change the period, and take the one in force', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await increase(name, 24)
      await increase(name, 8760)
      expect(await hours(name)).toBe(8760)
      await decrease(name, 8760)
      await decrease(name, 25)
      expect(await hours(name)).toBe(25)
      expect(await shardsOf(service.sdk, name)).toHaveLength(1)
    })

    it('refuse what is out of range or in the wrong direction', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await increase(name, 25)
      const text = async (call: Promise<unknown>): Promise<string> => (await refusal(call)).message
      expect(await text(increase(name, 23))).toBe(
        'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.',
      )
      expect(await text(increase(name, 8761))).toBe(
        'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.',
      )
      expect(await text(increase(name, 24))).toBe(
        `Requested retention period (24 hours) for stream ${name} can not be shorter than existing retention period (25 hours). Use DecreaseRetentionPeriod API.`,
      )
      expect(await text(decrease(name, 26))).toBe(
        `Requested retention period (26 hours) for stream ${name} can not be longer than existing retention period (25 hours). Use IncreaseRetentionPeriod API.`,
      )
      expect(await refusal(increase('nobody', 25))).toEqual(notFound('nobody'))
    })
  })
})
