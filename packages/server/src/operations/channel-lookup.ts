/** Channels by their ARNs, and in the words of the wire. */
import {
  channelArn,
  type ChannelDescription,
  type ChannelSummary,
  KinesisError,
  parseChannelArn,
  streamArn,
} from '@millrace/protocol'

import { type Channel, destinationOf } from '../streams/channel.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

/** Delivery comes later. Until then a channel says where its records are. */
function reasonOf(stream: StreamKey): string {
  return `This server does not deliver to destinations yet. The records of stream ${stream.name} stay in the stream, where consumers can read them.`
}

export interface FoundChannel {
  readonly stream: Stream
  readonly channel: Channel
}

/** The channel that an ARN names, with its stream. AWS's text for one that is not there is unknown. */
export function getChannel(arn: string, { catalog }: ServiceParts, context: OperationContext): FoundChannel {
  const address = parseChannelArn(arn)
  if (address !== undefined && address.account === context.account && address.region === context.region) {
    for (const stream of catalog.withChannels(context.account, context.region)) {
      const channel = stream.channels.get(address.id)
      if (channel !== undefined) return { stream, channel }
    }
  }
  throw channelNotFound(arn, context.account)
}

export function channelNotFound(arn: string, account: string): KinesisError {
  return new KinesisError('ResourceNotFoundException', `Channel ${arn}, account ${account} not found.`)
}

/** AWS's bounds are documented for tables, and unknown for buckets. */
export function assertFreshness(seconds: number): void {
  if (seconds < 300 || seconds > 900)
    throw invalidArgument(`DataFreshnessInSeconds must be from 300 to 900, not ${seconds}.`)
}

export function describeChannel(stream: Stream, channel: Channel): ChannelDescription {
  const { RecordConfiguration, ...settings } = channel.settings
  return {
    ...identityOf(stream, channel),
    ...settings,
    StreamConfigurationList: [{ ...streamOf(stream), RecordConfiguration }],
  }
}

export function summarizeChannel(stream: Stream, channel: Channel): ChannelSummary {
  return {
    ...identityOf(stream, channel),
    ChannelDestinationType: destinationOf(channel),
    Streams: [streamOf(stream)],
  }
}

function identityOf(stream: Stream, channel: Channel) {
  return {
    ChannelName: channel.name,
    ChannelARN: channelArn({ account: stream.account, region: stream.region, id: channel.id }),
    ChannelId: channel.id,
    ChannelStatus: channel.status,
    ...(channel.status === 'FAILED' ? { ChannelStatusReason: reasonOf(stream) } : {}),
    ChannelCreationTimestamp: channel.createdMs,
  }
}

function streamOf(stream: Stream): { readonly StreamARN: string; readonly StreamCreationTimestamp: number } {
  return { StreamARN: streamArn(stream), StreamCreationTimestamp: stream.createdMs }
}
