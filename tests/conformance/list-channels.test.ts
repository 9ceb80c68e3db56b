import { ListChannelsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream, tables } from './support/channels.ts'
import { onEveryEngine } from './support/service.ts'

describe('ListChannels', () => {
  onEveryEngine((service) => {
    it('lists the channels of a stream by name, page by page', async () => {
      const stream = await onDemandStream(service)
      const StreamARN = service.streamArn(stream)
      await createChannel(service, stream, {
        ChannelName: `${stream}-tables`,
        S3TablesDestinationConfiguration: tables,
      })
      await createChannel(service, stream, { ChannelName: `${stream}-s3` })
      await createChannel(service, await onDemandStream(service))
      const page = await service.sdk.send(new ListChannelsCommand({ StreamFilter: [{ StreamARN }], MaxResults: 1 }))
      const rest = await service.sdk.send(new ListChannelsCommand({ NextToken: page.NextToken }))
      expect([...(page.ChannelSummaries ?? []), ...(rest.ChannelSummaries ?? [])]).toMatchObject([
        { ChannelName: `${stream}-s3`, ChannelDestinationType: 'S3', Streams: [{ StreamARN }] },
        { ChannelName: `${stream}-tables`, ChannelDestinationType: 'S3_TABLES', ChannelStatus: 'FAILED' },
      ])
      expect(rest.NextToken).toBeUndefined()
    })
  })
})
