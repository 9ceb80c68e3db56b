/** Registered consumers in the words of the wire. */
import { type Consumer as WireConsumer, type ConsumerDescription, streamArn } from '@millrace/protocol'

import type { Consumer } from '../streams/consumer.ts'
import type { StreamKey } from '../streams/stream.ts'
import { arnOf } from './consumer-lookup.ts'

export function consumerSummary(stream: StreamKey, consumer: Consumer): WireConsumer {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: arnOf(stream, consumer),
    ConsumerStatus: consumer.status,
    ConsumerCreationTimestamp: consumer.createdMs,
  }
}

export function consumerDescription(stream: StreamKey, consumer: Consumer): ConsumerDescription {
  return { ...consumerSummary(stream, consumer), StreamARN: streamArn(stream) }
}
