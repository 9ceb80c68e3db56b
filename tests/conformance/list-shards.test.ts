import { ListShardsCommand, type ListShardsCommandInput, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

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

    it('lists a thousand shards at a time', async () => {
      const name = await createStream(service.sdk, service.streamName(), 1_001)
      const first = await service.sdk.send(new ListShardsCommand({ StreamName: name }))
      expect(first.Shards).toHaveLength(1_000)
      const second = await service.sdk.send(new ListShardsCommand({ NextToken: first.NextToken }))
      expect(second.Shards?.map((shard) => shard.ShardId)).toEqual(['shardId-000000001000'])
      expect(second.NextToken).toBeUndefined()
    })

    it('refuses a stream that is not there', async () => {
      const call = service.sdk.send(new ListShardsCommand({ StreamName: 'nobody' }))
      expect(await refusal(call)).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
