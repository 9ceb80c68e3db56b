/**
 * What a ResourceARN names, and how it is changed: tags and policies belong to streams and to registered consumers
 * alike. Channels are not served yet, so there are none.
 */
import { KinesisError, parseConsumerArn, parseStreamArn } from '@millrace/protocol'

import { withConsumer } from '../streams/consumer.ts'
import type { StreamKey } from '../streams/stream.ts'
import type { Tags } from '../streams/tags.ts'
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
  /** Absent: the stream itself. */
  readonly consumer?: ConsumerKey
}

export function resourceKeyOf(arn: string, operation: string, context: OperationContext): ResourceKey {
  if (parseStreamArn(arn) !== undefined) return { stream: streamKeyOf({ StreamARN: arn }, operation, context) }
  if (parseConsumerArn(arn) !== undefined) {
    const consumer = consumerKeyOf({ ConsumerARN: arn }, operation, context)
    return { stream: consumer.stream, consumer }
  }
  // In the words for consumers; AWS's for channels are unknown.
  const kind = arn.includes('/consumer/') ? 'Consumer' : 'Resource'
  throw new KinesisError('ResourceNotFoundException', `${kind} ${arn}, account ${context.account} not found.`)
}

export function getLabels({ stream: key, consumer }: ResourceKey, { catalog }: ServiceParts): Labels {
  const stream = catalog.find(key)
  if (consumer !== undefined) return getConsumer(stream, consumer)
  if (stream === undefined) throw streamNotFound(key)
  return stream
}

/** `change` may throw to refuse, and is called again each time another change came first. */
export async function changeLabels(
  { stream: key, consumer: consumerKey }: ResourceKey,
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
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    const { tags, policy, ...rest } = stream
    return { stream: { ...rest, ...change(labelsOf(tags, policy)) } }
  })
}

function labelsOf(tags: Tags, policy: string | undefined): Labels {
  return policy === undefined ? { tags } : { tags, policy }
}
