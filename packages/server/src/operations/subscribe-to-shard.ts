import { KinesisError, SubscribeToShard, type SubscribeToShardInput } from '@millrace/protocol'

import { type Consumer, consumerSecond } from '../streams/consumer.ts'
import { findShard, isServing, type StreamKey } from '../streams/stream.ts'
import { arnOf, consumerKeyOf, getConsumer } from './consumer-lookup.ts'
import { dryRun, shardDoesNotExist, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { type PushedEvent, pushEvents, subscriptionTaken } from './push-events.ts'
import { startingPlace } from './starting-position.ts'
import { shardNumberOf } from './stream-lookup.ts'

/** The events, with records as values or encoded already. */
interface Output {
  readonly EventStream: AsyncIterable<PushedEvent>
}

/**
 * Subscribes a registered consumer to a shard: its records are pushed as they come, for five minutes at most. What is
 * wrong from the start is refused; what goes wrong later is thrown by the events.
 */
export const subscribeToShard = handle<SubscribeToShardInput, Output>(
  SubscribeToShard,
  async (input, service, context) => {
    const key = consumerKeyOf(input, SubscribeToShard.name, context)
    const stream = service.catalog.find(key.stream)
    const consumer = getConsumer(stream, key)
    if (consumer.status !== 'ACTIVE') throw consumerNotActive(consumer, key.stream)
    if (stream === undefined || !isServing(stream)) throw streamNotFound(key.stream)
    const shard = findShard(stream, shardNumberOf(input.ShardId, stream))
    if (shard === undefined) throw shardDoesNotExist(shardNumberOf(input.ShardId, stream), stream)
    const { Type: type, SequenceNumber: number, Timestamp: timestampMs } = input.StartingPosition
    const words = { operation: SubscribeToShard.name, member: 'SequenceNumber' }
    const start = await startingPlace({ type, number, timestampMs }, words, stream, shard, service)
    const consumerArn = arnOf(stream, consumer)
    if (input.DryRun === true) {
      if (service.subscriptions.isTaken(consumerArn, shard.ref)) throw subscriptionTaken(stream, shard, consumer.name)
      throw dryRun()
    }

    const label = { account: stream.account, region: stream.region, stream: stream.name, consumer: consumer.name }
    const subscription = service.subscriptions.open(consumerArn, shard.ref, context.signal)
    service.metrics.subscribe(label, subscription !== undefined)
    if (subscription === undefined) throw subscriptionTaken(stream, shard, consumer.name)
    const pushed = { stream, shard, consumer: key, consumerArn, label, start, subscription }
    return { EventStream: pushEvents(pushed, service, context) }
  },
)

function consumerNotActive(consumer: Consumer, { name, account }: StreamKey): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `Consumer ${consumer.name} with creation timestamp ${consumerSecond(consumer)} under stream: ${name} , ` +
      `account ${account} is not in ACTIVE status.`,
  )
}
