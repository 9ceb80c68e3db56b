import { GetRecordsCommand, MergeShardsCommand, PutRecordsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { bytes, createStream, HASH_KEY_MAX, iteratorAt, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const id = (n: number): string => `shardId-${String(n).padStart(12, '0')}`

describe('MergeShards', () => {
  onEveryEngine((service) => {
    const split = (name: string, shard: string, key: string): Promise<unknown> =>
      service.sdk.send(new SplitShardCommand({ StreamName: name, ShardToSplit: shard, NewStartingHashKey: key }))
    const merge = (name: string, a: string, b: string): Promise<unknown> =>
      service.sdk.send(new MergeShardsCommand({ StreamName: name, ShardToMerge: a, AdjacentShardToMerge: b }))

    it('opens one child with both parents and the union of their ranges', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      await merge(name, id(0), id(1))
      const shards = await shardsOf(service.sdk, name)
      expect(shards[2]).toMatchObject({
        ShardId: id(2),
        ParentShardId: id(0),
        AdjacentParentShardId: id(1),
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: HASH_KEY_MAX.toString() },
      })
      // The second in which a parent ended is the time field of its last number; a birth is the first field.
      const digits = (number = '0'): string => BigInt(number).toString(16)
      const [a, b] = shards.map(({ SequenceNumberRange }) =>
        digits(SequenceNumberRange?.EndingSequenceNumber).slice(29, 38),
      )
      const bornS = Number.parseInt(digits(shards[2]?.SequenceNumberRange?.StartingSequenceNumber).slice(1, 10), 16)
      expect([a, Number.parseInt(a ?? '', 16) + 1]).toEqual([b, bornS])
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
      const reshards = async (): Promise<void> => {
        await split(name, id(0), (2n ** 126n).toString())
        await merge(name, id(3), id(1))
        await split(name, id(4), (2n ** 127n + 12345n).toString())
        await merge(name, id(2), id(5))
      }
      await Promise.all([...writers, reshards().finally(() => stop.abort())])

      // Parents before children: shard ids grow from parent to child.
      const seen = new Map<string, number[]>(keys.map((key) => [key, []]))
      for (const shard of await shardsOf(service.sdk, name))
        for (const text of await textsOf(service.sdk, name, shard.ShardId ?? '')) {
          const [key = '', n] = text.split(':')
          seen.get(key)?.push(Number(n))
        }
      for (const key of keys) expect(seen.get(key)).toEqual(Array.from({ length: counts.get(key) ?? 0 }, (_, i) => i))
    })

    it.each([
      ['in the wrong order', 1, 0],
      ['that do not touch', 0, 2],
      ['that are one', 1, 1],
    ])('refuses shards %s', async (_what, a, b) => {
      const name = await createStream(service.sdk, service.streamName(), 3)
      expect(await refusal(merge(name, id(a), id(b)))).toEqual({
        name: 'InvalidArgumentException',
        message: `Shards ${id(a)} and ${id(b)} in stream ${name} under account ${service.account} are not an adjacent pair of shards eligible for merging`,
        status: 400,
      })
    })

    it('refuses a shard that was merged before', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      await merge(name, id(0), id(1))
      expect(await refusal(merge(name, id(0), id(1)))).toEqual({
        name: 'InvalidArgumentException',
        message: `Shard ${id(0)} in stream ${name} under account ${service.account} has already been merged or split, and thus is not eligible for merging or splitting.`,
        status: 400,
      })
    })

    it('refuses shards and a stream that are not there', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (const [a, b] of [
        [9, 0],
        [0, 9],
      ] as const)
        expect(await refusal(merge(name, id(a), id(b)))).toEqual({
          name: 'ResourceNotFoundException',
          message: `Could not find shard ${id(9)} in stream ${name} under account ${service.account}.`,
          status: 400,
        })
      expect(await refusal(merge('nobody', id(0), id(1)))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
