import { DescribeStreamCommand, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DescribeStream', () => {
  onEveryEngine((service) => {
    const id = (n: number): string => `shardId-${String(n).padStart(12, '0')}`

    it('pages through shards, a hundred at a time', async () => {
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

    it('describes parents and children alike', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await service.sdk.send(
        new SplitShardCommand({ StreamName: name, ShardToSplit: '0', NewStartingHashKey: (2n ** 127n).toString() }),
      )
      const { StreamDescription } = await service.sdk.send(
        new DescribeStreamCommand({ StreamName: name, ExclusiveStartShardId: id(0), Limit: 1 }),
      )
      expect(StreamDescription?.Shards?.map((shard) => shard.ShardId)).toEqual([id(1)])
      expect(StreamDescription?.HasMoreShards).toBe(true)
    })

    it('refuses strangers, by name and by ARN, in the name of the stream', async () => {
      for (const input of [{ StreamName: 'nobody' }, { StreamARN: service.streamArn('nobody') }])
        expect(await refusal(service.sdk.send(new DescribeStreamCommand(input)))).toEqual(
          streamNotFound(service, 'nobody'),
        )
    })

    it('refuses an ARN in place of a name', async () => {
      const refused = await refusal(service.sdk.send(new DescribeStreamCommand({ StreamName: service.streamArn('x') })))
      expect(refused).toMatchObject({ name: 'ValidationException' })
    })
  })
})
