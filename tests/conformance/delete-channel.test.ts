import {
  DeleteChannelCommand,
  DeleteStreamCommand,
  DescribeChannelCommand,
  UpdateStreamModeCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream } from './support/channels.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DeleteChannel', () => {
  onEveryEngine((service) => {
    it('ends a channel, which until then holds its stream and its mode', async () => {
      const StreamName = await onDemandStream(service)
      const { ChannelARN } = await createChannel(service, StreamName)
      expect((await refusal(service.sdk.send(new DeleteStreamCommand({ StreamName })))).name).toBe(
        'ResourceInUseException',
      )
      const mode = {
        StreamARN: service.streamArn(StreamName),
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
      } as const
      expect((await refusal(service.sdk.send(new UpdateStreamModeCommand(mode)))).name).toBe('InvalidArgumentException')
      await service.sdk.send(new DeleteChannelCommand({ ChannelARN }))
      const gone = {
        name: 'ResourceNotFoundException',
        message: `Channel ${ChannelARN}, account ${service.account} not found.`,
        status: 400,
      }
      expect(await refusal(service.sdk.send(new DescribeChannelCommand({ ChannelARN })))).toEqual(gone)
      expect(await refusal(service.sdk.send(new DeleteChannelCommand({ ChannelARN })))).toEqual(gone)
      await service.sdk.send(new DeleteStreamCommand({ StreamName }))
    })
  })
})
