import { PutRecordsCommand, UpdateShardCountCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const number = (id = ''): number => Number(id.slice('shardId-'.length))

describe('UpdateShardCount', () => {
  onEveryEngine((service) => {
    const scale = (name: string, target: number) =>
      service.sdk.send(
        new UpdateShardCountCommand({ StreamName: name, TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' }),
      )

    it('goes from four shards to three by the splits and merges, and with the ids, of the real service', async () => {
      const name = await createStream(service.sdk, service.streamName(), 4)
      expect(await scale(name, 3)).toMatchObject({ StreamName: name, CurrentShardCount: 4, TargetShardCount: 3 })
      const shards = await shardsOf(service.sdk, name)
      const open = shards.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined)
      expect(shards).toHaveLength(11)
      expect(open.map((shard) => number(shard.ShardId))).toEqual([6, 9, 10])
      expect(shards[9]).toMatchObject({
        ParentShardId: 'shardId-000000000005',
        AdjacentParentShardId: 'shardId-000000000007',
      })
    })

    it('fails no put beside it, and loses and doubles nothing', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const scaling = new AbortController()
      let put = 0
      const putting = async (): Promise<void> => {
        do {
          const Records = Array.from({ length: 20 }, () => ({
            PartitionKey: `key-${put % 50}`,
            Data: bytes(String(put++)),
          }))
          const { FailedRecordCount } = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
          expect(FailedRecordCount).toBe(0)
        } while (!scaling.signal.aborted)
      }
      const scales = async (): Promise<void> => {
        for (const target of [4, 5, 3, 6]) await scale(name, target)
      }
      await Promise.all([putting(), scales().finally(() => scaling.abort())])
      const texts: string[] = []
      for (const shard of await shardsOf(service.sdk, name))
        texts.push(...(await textsOf(service.sdk, name, shard.ShardId ?? '')))
      expect(texts.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: put }, (_, i) => i))
    })

    it('refuses more than double', async () => {
      const name = await createStream(service.sdk, service.streamName(), 1)
      expect(await refusal(scale(name, 3))).toMatchObject({
        name: 'LimitExceededException',
        message:
          'UpdateShardCount cannot scale up over double your current open shard count. ' +
          'Current open shard count: 1 Target shard count: 3',
      })
    })
  })
})
