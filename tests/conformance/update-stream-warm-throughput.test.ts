import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  UpdateAccountSettingsCommand,
  UpdateStreamWarmThroughputCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('UpdateStreamWarmThroughput', () => {
  onEveryEngine((service) => {
    const warm = (StreamName: string, WarmThroughputMiBps: number) =>
      service.sdk.send(new UpdateStreamWarmThroughputCommand({ StreamName, WarmThroughputMiBps }))

    it('needs the commitment of the account; then the stream is ready for so much', async ({ skip }) => {
      skip(!service.ownAccount, 'commits the account for a day')
      const StreamName = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName }))
      expect((await refusal(warm(StreamName, 6))).name).toBe('InvalidArgumentException')
      await service.sdk.send(
        new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status: 'ENABLED' } }),
      )
      const WarmThroughput = { TargetMiBps: 6, CurrentMiBps: 6 }
      expect(await warm(StreamName, 6)).toMatchObject({
        StreamName,
        StreamARN: service.streamArn(StreamName),
        // Where it takes its time it is not there yet when it answers.
        WarmThroughput: service.livesOn ? { TargetMiBps: 6 } : WarmThroughput,
      })
      const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 6, WarmThroughput })
    })

    it('refuses a provisioned stream, and one that is not there', async () => {
      const provisioned = await createStream(service.sdk, service.streamName())
      expect((await refusal(warm(provisioned, 6))).name).toBe('InvalidArgumentException')
      expect((await refusal(warm('nobody', 6))).name).toBe('ResourceNotFoundException')
    })

    it('refuses more than 10 GiB/s, in the account that committed itself', async ({ skip }) => {
      skip(!service.ownAccount, 'commits the account for a day')
      const StreamName = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName, WarmThroughputMiBps: 5 }))
      expect((await refusal(warm(StreamName, 10_241))).name).toBe('InvalidArgumentException')
    })
  })
})
