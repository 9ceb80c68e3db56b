import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { post } from './support/wire.ts'

describe('DescribeStreamSummary', () => {
  onEveryEngine((service) => {
    it('tells of a provisioned stream what there is, and nothing that only an on-demand one has', async () => {
      const StreamName = await createStream(service.sdk, service.streamName(), 2)
      const { StreamDescriptionSummary } = await service.sdk.send(
        new DescribeStreamSummaryCommand({ StreamARN: service.streamArn(StreamName) }),
      )
      expect(StreamDescriptionSummary).toEqual({
        StreamName,
        StreamARN: service.streamArn(StreamName),
        StreamStatus: 'ACTIVE',
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
        RetentionPeriodHours: 24,
        StreamCreationTimestamp: expect.any(Date) as unknown,
        EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
        EncryptionType: 'NONE',
        OpenShardCount: 2,
        ConsumerCount: 0,
        MaxRecordSizeInKiB: 1024,
      })
    })

    it('passes over a StreamId, and never tells one', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      // By hand: the SDK sends a request with a StreamId to AWS, whatever its endpoint.
      const input = JSON.stringify({ StreamName, StreamId: 'abcdefghijabcdefghij-abc' })
      const answer = await post(service, 'DescribeStreamSummary', input)
      expect(answer.status).toBe(200)
      expect(answer.body.toString()).not.toContain('StreamId')
    })

    it('refuses strangers', async () => {
      const call = service.sdk.send(new DescribeStreamSummaryCommand({ StreamName: 'nobody' }))
      expect(await refusal(call)).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
