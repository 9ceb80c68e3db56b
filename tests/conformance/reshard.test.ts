import {
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, HASH_KEY_MAX, iteratorAt, pagesFrom, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const id = (n: number): string => `shardId-${String(n).padStart(12, '0')}`
const middle = (2n ** 127n).toString()

describe('SplitShard and MergeShards', () => {
  onEveryEngine((service) => {
    const split = (name: string, shard: string, key: string): Promise<unknown> =>
      service.sdk.send(new SplitShardCommand({ StreamName: name, ShardToSplit: shard, NewStartingHashKey: key }))
    const merge = (name: string, a: string, b: string): Promise<unknown> =>
      service.sdk.send(new MergeShardsCommand({ StreamName: name, ShardToMerge: a, AdjacentShardToMerge: b }))
    const put = (name: string, text: string, hash: bigint): Promise<unknown> =>
      service.sdk.send(
        new PutRecordCommand({
          StreamName: name,
          Data: bytes(text),
          PartitionKey: 'k',
          ExplicitHashKey: hash.toString(),
        }),
      )

    it('splits: two children that meet at the new key, born one second after the parent ended', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await split(name, id(0), middle)
      const [parent, lower, upper] = await shardsOf(service.sdk, name)
      expect([parent, lower, upper].map((shard) => shard?.ShardId)).toEqual([id(0), id(1), id(2)])
      expect(lower).toMatchObject({
        ParentShardId: id(0),
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: (2n ** 127n - 1n).toString() },
      })
      expect(upper).toMatchObject({
        ParentShardId: id(0),
        HashKeyRange: { StartingHashKey: middle, EndingHashKey: HASH_KEY_MAX.toString() },
      })
      for (const child of [lower, upper]) {
        expect(child).not.toHaveProperty('AdjacentParentShardId')
        expect(child?.SequenceNumberRange).not.toHaveProperty('EndingSequenceNumber')
        expect(BigInt(child?.SequenceNumberRange?.StartingSequenceNumber ?? 0)).toBeGreaterThan(
          BigInt(parent?.SequenceNumberRange?.EndingSequenceNumber ?? 0),
        )
      }
      // The second in which the parent ended is the time field of its last number; the children's is the first field.
      const fields = (number = '0'): string => BigInt(number).toString(16)
      const endedS = Number.parseInt(fields(parent?.SequenceNumberRange?.EndingSequenceNumber).slice(29, 38), 16)
      const bornS = Number.parseInt(fields(lower?.SequenceNumberRange?.StartingSequenceNumber).slice(1, 10), 16)
      expect(bornS).toBe(endedS + 1)
      const { StreamDescriptionSummary } = await service.sdk.send(
        new DescribeStreamSummaryCommand({ StreamName: name }),
      )
      expect(StreamDescriptionSummary).toMatchObject({ OpenShardCount: 2, StreamStatus: 'ACTIVE' })
    })

    it('merges: one child with both parents and the union of their ranges', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      await merge(name, id(0), id(1))
      const shards = await shardsOf(service.sdk, name)
      expect(shards[2]).toMatchObject({
        ShardId: id(2),
        ParentShardId: id(0),
        AdjacentParentShardId: id(1),
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: HASH_KEY_MAX.toString() },
      })
      expect(shards[0]?.SequenceNumberRange).toHaveProperty('EndingSequenceNumber')
      expect(shards[1]?.SequenceNumberRange).toHaveProperty('EndingSequenceNumber')
    })

    it('keeps what the parent held, sends what comes to the children, and leads readers from one to the other', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await put(name, 'before-low', 0n)
      await put(name, 'before-high', HASH_KEY_MAX)
      await split(name, id(0), middle)
      await put(name, 'after-low', 0n)
      await put(name, 'after-high', HASH_KEY_MAX)
      expect(await textsOf(service.sdk, name, id(0))).toEqual(['before-low', 'before-high'])
      expect(await textsOf(service.sdk, name, id(1))).toEqual(['after-low'])
      expect(await textsOf(service.sdk, name, id(2))).toEqual(['after-high'])
      const last = (await pagesFrom(service.sdk, await iteratorAt(service.sdk, name, id(0)))).at(-1)
      expect(last?.NextShardIterator).toBeUndefined()
      expect(last?.ChildShards).toEqual([
        {
          ShardId: id(1),
          ParentShards: [id(0)],
          HashKeyRange: { StartingHashKey: '0', EndingHashKey: (2n ** 127n - 1n).toString() },
        },
        {
          ShardId: id(2),
          ParentShards: [id(0)],
          HashKeyRange: { StartingHashKey: middle, EndingHashKey: HASH_KEY_MAX.toString() },
        },
      ])
    })

    it('ends both parents of a merge with the same child', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      await merge(name, id(0), id(1))
      for (const parent of [id(0), id(1)]) {
        const page = await service.sdk.send(
          new GetRecordsCommand({ ShardIterator: await iteratorAt(service.sdk, name, parent, 'LATEST') }),
        )
        expect(page.NextShardIterator).toBeUndefined()
        expect(page.ChildShards).toEqual([
          {
            ShardId: id(2),
            ParentShards: [id(0), id(1)],
            HashKeyRange: { StartingHashKey: '0', EndingHashKey: HASH_KEY_MAX.toString() },
          },
        ])
      }
    })

    it('keeps the order of each key through splits and merges under load', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const keys = Array.from({ length: 8 }, (_, i) => `key-${i}`)
      const stop = new AbortController()
      const counts = new Map(keys.map((key) => [key, 0]))
      const writers = keys.map(async (PartitionKey) => {
        while (!stop.signal.aborted) {
          const count = counts.get(PartitionKey) ?? 0
          const Records = [0, 1, 2].map((i) => ({ Data: bytes(`${PartitionKey}:${count + i}`), PartitionKey }))
          const answer = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
          expect(answer.FailedRecordCount).toBe(0)
          counts.set(PartitionKey, count + 3)
        }
      })
      await split(name, id(0), (2n ** 126n).toString())
      await merge(name, id(3), id(1))
      await split(name, id(4), (2n ** 127n + 12345n).toString())
      await merge(name, id(2), id(5))
      stop.abort()
      await Promise.all(writers)

      // Parents before children: shard ids grow from parent to child.
      const seen = new Map<string, number[]>(keys.map((key) => [key, []]))
      for (const shard of await shardsOf(service.sdk, name))
        for (const text of await textsOf(service.sdk, name, shard.ShardId ?? '')) {
          const [key = '', n] = text.split(':')
          seen.get(key)?.push(Number(n))
        }
      for (const key of keys) expect(seen.get(key)).toEqual(Array.from({ length: counts.get(key) ?? 0 }, (_, i) => i))
    })

    it('describes parents and children alike', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await split(name, id(0), middle)
      const { StreamDescription } = await service.sdk.send(
        new DescribeStreamCommand({ StreamName: name, ExclusiveStartShardId: id(0), Limit: 1 }),
      )
      expect(StreamDescription?.Shards?.map((shard) => shard.ShardId)).toEqual([id(1)])
      expect(StreamDescription?.HasMoreShards).toBe(true)
    })

    describe('refuses', () => {
      it.each([
        ['the start of the range', '0'],
        ['one after the start: the lower child would have one key', '1'],
        ['the end of the range', HASH_KEY_MAX.toString()],
      ])('%s as the new starting key', async (_what, key) => {
        const name = await createStream(service.sdk, service.streamName())
        expect(await refusal(split(name, id(0), key))).toEqual({
          name: 'InvalidArgumentException',
          message: `NewStartingHashKey ${key} used in SplitShard() on shard ${id(0)} in stream ${name} under account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey ${HASH_KEY_MAX}.`,
          status: 400,
        })
      })

      it('the smallest and the largest legal key: no, those it takes', async () => {
        for (const key of ['2', (HASH_KEY_MAX - 1n).toString()]) {
          const name = await createStream(service.sdk, service.streamName())
          await split(name, id(0), key)
          expect(await shardsOf(service.sdk, name)).toHaveLength(3)
        }
      })

      it('a shard that was split or merged before', async () => {
        const name = await createStream(service.sdk, service.streamName())
        await split(name, id(0), middle)
        const message = `Shard ${id(0)} in stream ${name} under account 000000000000 has already been merged or split, and thus is not eligible for merging or splitting.`
        expect(await refusal(split(name, id(0), '5'))).toEqual({
          name: 'InvalidArgumentException',
          message,
          status: 400,
        })
      })

      it.each([
        ['in the wrong order', 1, 0],
        ['that do not touch', 0, 2],
        ['that are one', 1, 1],
      ])('to merge shards %s', async (_what, a, b) => {
        const name = await createStream(service.sdk, service.streamName(), 3)
        expect(await refusal(merge(name, id(a), id(b)))).toEqual({
          name: 'InvalidArgumentException',
          message: `Shards ${id(a)} and ${id(b)} in stream ${name} under account 000000000000 are not an adjacent pair of shards eligible for merging`,
          status: 400,
        })
      })

      it('shards and streams that are not there', async () => {
        const name = await createStream(service.sdk, service.streamName())
        expect((await refusal(split(name, id(9), middle))).message).toBe(
          `Could not find shard ${id(9)} in stream ${name} under account 000000000000.`,
        )
        expect((await refusal(split('nobody', id(0), middle))).message).toBe(
          'Stream nobody under account 000000000000 not found.',
        )
      })
    })
  })
})
