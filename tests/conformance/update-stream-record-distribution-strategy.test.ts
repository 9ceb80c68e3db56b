import { DescribeStreamSummaryCommand, UpdateStreamRecordDistributionStrategyCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal, streamArn } from './support/service.ts'

describe('UpdateStreamRecordDistributionStrategy', () => {
  onEveryEngine((service) => {
    it('leaves a provisioned stream with its partition keys, and gives it no other strategy', async () => {
      const StreamName = service.streamName()
      const StreamARN = streamArn(StreamName)
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

    it('says that a stream is not there before it says what the stream cannot have', async () => {
      const StreamARN = streamArn('nobody')
      const refused = await refusal(
        service.sdk.send(
          new UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy: 'AUTO' }),
        ),
      )
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
