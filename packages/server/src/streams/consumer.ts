/**
 * Registered consumers of a stream: who may subscribe to its shards. Plain data; every change gives another stream, so
 * that a consumer never outlives its stream, and the quota is judged on the stream that is written.
 */
import type { Stream } from './stream.ts'
import type { Tags } from './tags.ts'

export interface Consumer {
  readonly name: string
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING'
  /** ConsumerCreationTimestamp, ms since the epoch. Its second is part of the ARN, and may lead the clock. */
  readonly createdMs: number
  /** When the status was taken on, ms since the epoch. */
  readonly sinceMs: number
  readonly tags: Tags
  /** The resource policy, as it was put. */
  readonly policy?: string
}

/** By name. */
export type Consumers = ReadonlyMap<string, Consumer>

export const noConsumers: Consumers = new Map()

/** The second in the consumer's ARN. */
export function consumerSecond({ createdMs }: Consumer): number {
  return Math.floor(createdMs / 1000)
}

/** The stream with one more consumer. The name must be free. */
export function registerConsumer(
  stream: Stream,
  { name, tags, nowMs, status }: Pick<Consumer, 'name' | 'tags' | 'status'> & { readonly nowMs: number },
): Stream {
  // One of the name may have gone in this very second, with its stream even: its ARN must not come back to life.
  const createdMs = Math.max(nowMs, stream.bornS * 1000, ((stream.lastConsumerS ?? 0) + 1) * 1000)
  return withConsumer(stream, { name, status, createdMs, sinceMs: nowMs, tags })
}

/** The stream with the consumer replaced. */
export function withConsumer(stream: Stream, consumer: Consumer): Stream {
  return { ...stream, consumers: new Map([...stream.consumers, [consumer.name, consumer]]) }
}

export function withoutConsumer(stream: Stream, consumer: Consumer): Stream {
  const consumers = new Map(stream.consumers)
  consumers.delete(consumer.name)
  const lastConsumerS = Math.max(stream.lastConsumerS ?? 0, consumerSecond(consumer))
  return { ...stream, consumers, lastConsumerS }
}

/** The stream with every consumer taken on whose status was shown long enough; the same stream if there is none. */
export function advanceConsumers(stream: Stream, nowMs: number, isShownSince: (sinceMs: number) => boolean): Stream {
  let result = stream
  for (const consumer of stream.consumers.values()) {
    if (consumer.status === 'ACTIVE' || !isShownSince(consumer.sinceMs)) continue
    result =
      consumer.status === 'DELETING'
        ? withoutConsumer(result, consumer)
        : withConsumer(result, { ...consumer, status: 'ACTIVE', sinceMs: nowMs })
  }
  return result
}
