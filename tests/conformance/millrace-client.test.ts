/** Our own client tells the story of a stream, over both transports and in both encodings. */
import { KinesisClient, KinesisServiceError } from '@millrace/client'
import { CreateStream, GetRecords, GetShardIterator, ListShards, PutRecords, SplitShard } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'

describe('@millrace/client', () => {
  onEveryEngine((service) => {
    it.each([
      ['1.1', 'json'],
      ['1.1', 'cbor'],
      ['2', 'json'],
      ['2', 'cbor'],
    ] as const)('writes, splits and reads over HTTP/%s in %s', async (httpVersion, codec) => {
      const client = new KinesisClient({
        endpoint: service.endpoint,
        region: service.region,
        credentials: service.keys,
        httpVersion,
        codec,
      })
      const StreamName = service.streamName()
      await client.send(CreateStream, { StreamName, ShardCount: 1 })
      await service.settled({ StreamName })
      const Data = Uint8Array.from({ length: 256 }, (_, i) => i)
      const put = await client.send(PutRecords, { StreamName, Records: [{ Data, PartitionKey: 'k' }] })
      expect(put.FailedRecordCount).toBe(0)
      await client.send(SplitShard, { StreamName, ShardToSplit: '0', NewStartingHashKey: String(2n ** 127n) })
      await service.settled({ StreamName })
      const { ShardIterator } = await client.send(GetShardIterator, {
        StreamName,
        ShardId: '0',
        ShardIteratorType: 'TRIM_HORIZON',
      })
      const page = await client.send(GetRecords, { ShardIterator: ShardIterator ?? '' })
      expect(page.Records.map((record) => Buffer.from(record.Data))).toEqual([Buffer.from(Data)])
      const { Consumer } = await client.registerStreamConsumer({
        StreamARN: service.streamArn(StreamName),
        ConsumerName: 'c',
      })
      await service.settled({ ConsumerARN: Consumer.ConsumerARN })
      const pushed = []
      const subscription = {
        ConsumerARN: Consumer.ConsumerARN,
        ShardId: '0',
        StartingPosition: { Type: 'TRIM_HORIZON' },
      } as const
      for await (const event of client.subscribeToShard(subscription)) pushed.push(event)
      expect(pushed.flatMap(({ Records }) => Records)).toEqual(page.Records)
      expect(pushed.at(-1)?.ChildShards).toEqual(page.ChildShards)
      expect(page.ChildShards?.map((child) => child.ShardId)).toEqual(['shardId-000000000001', 'shardId-000000000002'])
      let shards = 0
      for await (const listed of client.pages(ListShards, { StreamName, MaxResults: 2 }))
        shards += listed.Shards?.length ?? 0
      expect(shards).toBe(3)
      await expect(
        client.send(PutRecords, { StreamName: 'nobody', Records: [{ Data, PartitionKey: 'k' }] }),
      ).rejects.toThrow(KinesisServiceError)
      await client.close()
    })
  })
})
