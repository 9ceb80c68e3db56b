import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  PutRecordsCommand,
  SplitShardCommand,
  UpdateStreamModeCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('UpdateStreamMode', () => {
  onEveryEngine((service) => {
    const to = (name: string, StreamMode: 'ON_DEMAND' | 'PROVISIONED', WarmThroughputMiBps?: number) =>
      service.sdk.send(
        new UpdateStreamModeCommand({
          StreamARN: service.streamArn(name),
          StreamModeDetails: { StreamMode },
          ...(WarmThroughputMiBps === undefined ? {} : { WarmThroughputMiBps }),
        }),
      )
    const modeOf = async (StreamName: string) => {
      const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(StreamDescriptionSummary?.StreamStatus).toBe('ACTIVE')
      return StreamDescriptionSummary?.StreamModeDetails?.StreamMode
    }

    it('keeps shards and records in both directions, twice a day', async () => {
      const name = await createStream(service.sdk, service.streamName(), 4)
      const Records = Array.from({ length: 20 }, (_, i) => ({ PartitionKey: `key-${i}`, Data: bytes(String(i)) }))
      await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
      const before = await shardsOf(service.sdk, name)
      for (const mode of ['ON_DEMAND', 'PROVISIONED', 'PROVISIONED'] as const) {
        await to(name, mode)
        expect(await modeOf(name)).toBe(mode)
        expect(await shardsOf(service.sdk, name)).toEqual(before)
      }
      const texts: string[] = []
      for (const { ShardId = '' } of before) texts.push(...(await textsOf(service.sdk, name, ShardId)))
      expect(texts.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
      expect((await refusal(to(name, 'ON_DEMAND'))).name).toBe('LimitExceededException')
    })

    it('leaves an on-demand stream to itself: reshards are refused in the words of the service', async () => {
      const name = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName: name }))
      const split = new SplitShardCommand({ StreamName: name, ShardToSplit: '0', NewStartingHashKey: '1000' })
      expect(await refusal(service.sdk.send(split))).toEqual({
        name: 'ValidationException',
        message: `Request is invalid. Stream ${name} under account ${service.account} is in On-Demand mode.`,
        status: 400,
      })
    })

    it('refuses warm throughput for a provisioned stream, and a stream that is not there', async () => {
      const name = await createStream(service.sdk, service.streamName())
      expect((await refusal(to(name, 'PROVISIONED', 5))).name).toBe('InvalidArgumentException')
      expect((await refusal(to('nobody', 'ON_DEMAND'))).name).toBe('ResourceNotFoundException')
    })
  })
})
