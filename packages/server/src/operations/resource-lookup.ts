/**
 * What a ResourceARN names, and how it is changed: tags and policies belong to streams, to their registered
 * consumers and to their channels alike.
 */
import { channelArn, KinesisError, parseChannelArn, parseConsumerArn, parseStreamArn } from '@millrace/protocol'

import { type Channel, withChannel } from '../streams/channel.ts'
import { withConsumer } from '../streams/consumer.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import type { Tags } from '../streams/tags.ts'
import { channelNotFound, getChannel } from './channel-lookup.ts'
import { type ConsumerKey, consumerKeyOf, getConsumer } from './consumer-lookup.ts'
import { notActive, streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** What all resources have. */
export interface Labels {
  readonly tags: Tags
  readonly policy?: string
}

export interface ResourceKey {
  readonly stream: StreamKey
  /** One of its consumers … */
  readonly consumer?: ConsumerKey
  /** … or of its channels. Neither: the stream itself. */
  readonly channel?: Pick<Channel, 'id' | 'name'>
}

export function resourceKeyOf(
  arn: string,
  operation: string,
  service: ServiceParts,
  context: OperationContext,
): ResourceKey {
  if (parseStreamArn(arn) !== undefined) return { stream: streamKeyOf({ StreamARN: arn }, operation, context) }
  if (parseConsumerArn(arn) !== undefined) {
    const consumer = consumerKeyOf({ ConsumerARN: arn }, operation, context)
    return { stream: consumer.stream, consumer }
  }
  if (parseChannelArn(arn) !== undefined) {
    const { stream, channel } = getChannel(arn, service, context)
    return { stream, channel }
  }
  // In the words for consumers; AWS's for others are unknown.
  const kind = arn.includes('/consumer/') ? 'Consumer' : 'Resource'
  throw new KinesisError('ResourceNotFoundException', `${kind} ${arn}, account ${context.account} not found.`)
}

export function getLabels({ stream: key, consumer, channel }: ResourceKey, { catalog }: ServiceParts): Labels {
  const stream = catalog.find(key)
  if (channel !== undefined) return channelOf(stream, key, channel)
  if (consumer !== undefined) return getConsumer(stream, consumer)
  if (stream === undefined) throw streamNotFound(key)
  return stream
}

/** `change` may throw to refuse, and is called again each time another change came first. */
export async function changeLabels(
  { stream: key, consumer: consumerKey, channel: channelKey }: ResourceKey,
  { catalog }: ServiceParts,
  { deadlineMs }: OperationContext,
  change: (labels: Labels) => Labels,
): Promise<void> {
  await catalog.change(key, deadlineMs, (stream) => {
    if (consumerKey !== undefined) {
      const { tags, policy, ...rest } = getConsumer(stream, consumerKey)
      const consumer = { ...rest, ...change(labelsOf(tags, policy)) }
      return { stream: stream && withConsumer(stream, consumer) }
    }
    if (channelKey !== undefined) {
      const { tags, policy, ...rest } = channelOf(stream, key, channelKey)
      const channel = { ...rest, ...change(labelsOf(tags, policy)) }
      return { stream: stream && withChannel(stream, channel) }
    }
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    const { tags, policy, ...rest } = stream
    return { stream: { ...rest, ...change(labelsOf(tags, policy)) } }
  })
}

function channelOf(stream: Stream | undefined, { account, region }: StreamKey, { id }: Pick<Channel, 'id'>): Channel {
  const channel = stream?.channels.get(id)
  if (channel === undefined) throw channelNotFound(channelArn({ account, region, id }), account)
  return channel
}

function labelsOf(tags: Tags, policy: string | undefined): Labels {
  return policy === undefined ? { tags } : { tags, policy }
}
