import { DescribeChannelCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream } from './support/channels.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DescribeChannel', () => {
  onEveryEngine((service) => {
    it('tells all that was said, and FAILED with a reason: nothing is delivered yet', async () => {
      const made = await createChannel(service, await onDemandStream(service))
      const described = await service.sdk.send(new DescribeChannelCommand({ ChannelARN: made.ChannelARN }))
      expect(described.ChannelDescription).toEqual({
        ...made,
        ChannelStatus: 'FAILED',
        ChannelStatusReason: expect.stringContaining('does not deliver to destinations yet') as unknown,
      })
    })

    it('finds no channel that is not there', async () => {
      const ChannelARN = `arn:aws:kinesis:${service.region}:${service.account}:channel/nobody`
      expect(await refusal(service.sdk.send(new DescribeChannelCommand({ ChannelARN })))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Channel ${ChannelARN}, account ${service.account} not found.`,
        status: 400,
      })
    })
  })
})
