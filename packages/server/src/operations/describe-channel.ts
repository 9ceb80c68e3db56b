import { DescribeChannel } from '@millrace/protocol'

import { describeChannel as described, getChannel } from './channel-lookup.ts'
import { handle } from './operation.ts'

/** Describes a channel. */
export const describeChannel = handle(DescribeChannel, (input, service, context) => {
  const { stream, channel } = getChannel(input.ChannelARN, service, context)
  return { ChannelDescription: described(stream, channel) }
})
