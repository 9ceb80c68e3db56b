import { DescribeStreamSummaryCommand, PutRecordCommand, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { bytes, createStream, HASH_KEY_MAX, iteratorAt, pagesFrom, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const id = (n: number): string => `shardId-${String(n).padStart(12, '0')}`
const middle = (2n ** 127n).toString()

describe('SplitShard', () => {
  onEveryEngine((service) => {
    const split = (name: string, shard: string, key: string): Promise<unknown> =>
      service.sdk.send(new SplitShardCommand({ StreamName: name, ShardToSplit: shard, NewStartingHashKey: key }))
    const put = (name: string, text: string, hash: bigint): Promise<unknown> =>
      service.sdk.send(
        new PutRecordCommand({
          StreamName: name,
          Data: bytes(text),
          PartitionKey: 'k',
          ExplicitHashKey: hash.toString(),
        }),
      )

    it('opens two children that meet at the new key, born one second after the parent ended', async () => {
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

    it.each([
      ['the start of the range', '0'],
      ['one after the start: the lower child would have one key', '1'],
      ['the end of the range', HASH_KEY_MAX.toString()],
    ])('refuses %s as the new starting key', async (_what, key) => {
      const name = await createStream(service.sdk, service.streamName())
      expect(await refusal(split(name, id(0), key))).toEqual({
        name: 'InvalidArgumentException',
        message: `NewStartingHashKey ${key} used in SplitShard() on shard ${id(0)} in stream ${name} under account ${service.account} is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey ${HASH_KEY_MAX}.`,
        status: 400,
      })
    })

    it('takes the smallest and the largest legal key', async () => {
      for (const key of ['2', (HASH_KEY_MAX - 1n).toString()]) {
        const name = await createStream(service.sdk, service.streamName())
        await split(name, id(0), key)
        expect(await shardsOf(service.sdk, name)).toHaveLength(3)
      }
    })

    it('refuses a shard that was split or merged before', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await split(name, id(0), middle)
      const message = `Shard ${id(0)} in stream ${name} under account ${service.account} has already been merged or split, and thus is not eligible for merging or splitting.`
      expect(await refusal(split(name, id(0), '5'))).toEqual({
        name: 'InvalidArgumentException',
        message,
        status: 400,
      })
    })

    it('refuses a shard and a stream that are not there', async () => {
      const name = await createStream(service.sdk, service.streamName())
      expect(await refusal(split(name, id(9), middle))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Could not find shard ${id(9)} in stream ${name} under account ${service.account}.`,
        status: 400,
      })
      expect(await refusal(split('nobody', id(0), middle))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
