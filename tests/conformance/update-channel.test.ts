import { DescribeChannelCommand, UpdateChannelCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream, s3 } from './support/channels.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('UpdateChannel', () => {
  onEveryEngine((service) => {
    it('changes freshness and logging alone', async () => {
      const { ChannelARN } = await createChannel(service, await onDemandStream(service))
      const logging = { CloudWatchLogs: { Enabled: true, LogGroupName: 'g' } }
      const updated = await service.sdk.send(
        new UpdateChannelCommand({
          ChannelARN,
          S3DestinationConfiguration: { DataFreshnessInSeconds: 900 },
          LoggingConfiguration: logging,
        }),
      )
      expect(updated.ChannelDescription?.ChannelStatus).toBe('UPDATING')
      const { ChannelDescription: now } = await service.sdk.send(new DescribeChannelCommand({ ChannelARN }))
      expect(now).toMatchObject({
        ChannelStatus: 'FAILED',
        S3DestinationConfiguration: { DataFreshnessInSeconds: 900, StorageConfiguration: s3.StorageConfiguration },
        LoggingConfiguration: logging,
      })
      for (const change of [
        {},
        { S3TablesDestinationConfiguration: { DataFreshnessInSeconds: 600 } },
        { S3DestinationConfiguration: { DataFreshnessInSeconds: 10 } },
      ]) {
        const refused = await refusal(service.sdk.send(new UpdateChannelCommand({ ChannelARN, ...change })))
        expect(refused.name).toBe('InvalidArgumentException')
      }
    })
  })
})
