import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  PutRecordsCommand,
  UpdateStreamRecordDistributionStrategyCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, iteratorAt, pagesFrom, shardsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('UpdateStreamRecordDistributionStrategy', () => {
  onEveryEngine((service) => {
    it('leaves a provisioned stream with its partition keys, and gives it no other strategy', async () => {
      const StreamName = service.streamName()
      const StreamARN = service.streamArn(StreamName)
      await createStream(service.sdk, StreamName)
      const before = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      await service.sdk.send(
        new UpdateStreamRecordDistributionStrategyCommand({
          StreamARN,
          RecordDistributionStrategy: 'USER_PARTITION_KEY',
        }),
      )
      const refused = await refusal(
        service.sdk.send(
          new UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy: 'AUTO' }),
        ),
      )
      expect(refused).toMatchObject({
        name: 'InvalidArgumentException',
        message: 'RecordDistributionStrategy AUTO is only allowed for streams in ON_DEMAND mode.',
      })
      const after = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(after.StreamDescriptionSummary).toEqual(before.StreamDescriptionSummary)
    })

    it('AUTO spreads what has one key, and what has none, and gives back the keys that were given', async () => {
      const StreamName = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName }))
      await service.sdk.send(
        new UpdateStreamRecordDistributionStrategyCommand({
          StreamARN: service.streamArn(StreamName),
          RecordDistributionStrategy: 'AUTO',
        }),
      )
      const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(StreamDescriptionSummary?.RecordDistributionStrategy).toBe('AUTO')
      const Records = [
        ...Array.from({ length: 4 }, () => ({ Data: bytes('keyed'), PartitionKey: 'same' })),
        ...Array.from({ length: 4 }, () => ({ Data: bytes('keyless') })),
      ]
      const put = await service.sdk.send(new PutRecordsCommand({ StreamName, Records }))
      expect(put.FailedRecordCount).toBe(0)
      for (const { ShardId = '' } of await shardsOf(service.sdk, StreamName)) {
        const pages = await pagesFrom(service.sdk, await iteratorAt(service.sdk, StreamName, ShardId))
        const keys = pages.flatMap((page) => page.Records ?? []).map((record) => record.PartitionKey)
        expect(keys).toEqual(['same', undefined])
      }
    })

    it('says that a stream is not there before it says what the stream cannot have', async () => {
      const StreamARN = service.streamArn('nobody')
      const refused = await refusal(
        service.sdk.send(
          new UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy: 'AUTO' }),
        ),
      )
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
