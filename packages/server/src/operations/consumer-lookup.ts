/** Which registered consumer a request means: by its ARN, by the stream's ARN and its name, or by all three if they agree. */
import { consumerArn, KinesisError, parseConsumerArn, parseStreamArn, streamArn } from '@millrace/protocol'

import { type Consumer, consumerSecond } from '../streams/consumer.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

interface ConsumerReference {
  readonly StreamARN?: string | undefined
  readonly ConsumerName?: string | undefined
  readonly ConsumerARN?: string | undefined
}

/** A consumer as a request names it. */
export interface ConsumerKey {
  readonly stream: StreamKey
  readonly name: string
  /** Named by its ARN: only the one that was registered in this second. */
  readonly createdS?: number
}

/** The texts for references that are incomplete or disagree are ours: AWS's are unknown. */
export function consumerKeyOf(input: ConsumerReference, operation: string, context: OperationContext): ConsumerKey {
  const { StreamARN: stream, ConsumerName: name, ConsumerARN: arn } = input
  if (arn === undefined) {
    if (stream === undefined || name === undefined)
      throw invalidArgument('Either ConsumerARN, or StreamARN and ConsumerName, should be provided.')
    return { stream: streamKeyOf({ StreamARN: stream }, operation, context), name }
  }
  const address = parseConsumerArn(arn)
  if (address === undefined) throw consumerArnNotFound(arn, context.account)
  const { stream: of, consumer, createdS } = address
  if ((stream !== undefined && !isStream(stream, of)) || (name !== undefined && name !== consumer))
    throw invalidArgument(`ConsumerARN ${arn} does not refer to the consumer that StreamARN and ConsumerName name.`)
  if (of.region !== context.region) throw consumerArnNotFound(arn, context.account)
  return { stream: streamKeyOf({ StreamARN: streamArn(of) }, operation, context, arn), name: consumer, createdS }
}

/** Whatever the partition. */
function isStream(arn: string, of: StreamKey): boolean {
  const named = parseStreamArn(arn)
  return named !== undefined && streamArn(named) === streamArn(of)
}

/** The consumer, if its stream has it. */
export function findConsumer(stream: Stream | undefined, { name, createdS }: ConsumerKey): Consumer | undefined {
  const consumer = stream?.consumers.get(name)
  if (consumer === undefined || createdS === undefined) return consumer
  return consumerSecond(consumer) === createdS ? consumer : undefined
}

export function getConsumer(stream: Stream | undefined, key: ConsumerKey): Consumer {
  const consumer = findConsumer(stream, key)
  if (consumer === undefined) throw consumerNotFound(key)
  return consumer
}

export function arnOf(stream: StreamKey, consumer: Consumer): string {
  return consumerArn({ stream, consumer: consumer.name, createdS: consumerSecond(consumer) })
}

/** By name, the text is ours: AWS's is unknown. */
function consumerNotFound({ stream, name, createdS }: ConsumerKey): KinesisError {
  if (createdS !== undefined)
    return consumerArnNotFound(consumerArn({ stream, consumer: name, createdS }), stream.account)
  return new KinesisError(
    'ResourceNotFoundException',
    `Consumer ${name} under stream ${stream.name} under account ${stream.account} not found.`,
  )
}

export function consumerArnNotFound(arn: string, account: string): KinesisError {
  return new KinesisError('ResourceNotFoundException', `Consumer ${arn}, account ${account} not found.`)
}
