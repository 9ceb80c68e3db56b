import { DeleteChannel } from '@millrace/protocol'

import { withChannel, withoutChannel } from '../streams/channel.ts'
import { channelNotFound, getChannel } from './channel-lookup.ts'
import { handle } from './operation.ts'

/** Deletes a channel. One that is going already goes on going. */
export const deleteChannel = handle(DeleteChannel, async (input, service, context) => {
  const found = getChannel(input.ChannelARN, service, context)
  await service.catalog.change(found.stream, context.deadlineMs, (stream) => {
    const channel = stream?.channels.get(found.channel.id)
    if (stream === undefined || channel === undefined) throw channelNotFound(input.ChannelARN, context.account)
    if (channel.status === 'DELETING') return { stream }
    if (service.statusDelayMs === 0) return { stream: withoutChannel(stream, channel) }
    return { stream: withChannel(stream, { ...channel, status: 'DELETING', sinceMs: service.clock.now() }) }
  })
})
