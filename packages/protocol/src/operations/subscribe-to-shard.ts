/**
 * SubscribeToShard on the wire: its input and the events of the stream that it answers with. What it does is in the
 * server, in a file of the same name.
 */
import { type Operation, operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, long, required, string, structure } from '../schema/schema.ts'
import {
  ChildShard,
  ConsumerARN,
  Flag,
  SequenceNumber,
  ShardId,
  ShardIteratorType,
  StreamId,
  StreamRecord,
  Timestamp,
} from './shapes.ts'

const StartingPosition = structure('StartingPosition', {
  Type: required(ShardIteratorType),
  /** Only with AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER. */
  SequenceNumber,
  /** Only with AT_TIMESTAMP. */
  Timestamp,
})

const Input = structure('SubscribeToShardInput', {
  ConsumerARN: required(ConsumerARN),
  StreamId,
  ShardId: required(ShardId),
  StartingPosition: required(StartingPosition),
  DryRun: Flag,
})

/** `Records` is the last member here: it is written apart (codecs/subscribe-to-shard.ts). */
export const SubscribeToShardEventShape = structure('SubscribeToShardEvent', {
  /** Only at the end of a closed shard, and then without `ContinuationSequenceNumber`. */
  ChildShards: list(ChildShard),
  /** Where to go on, with AFTER_SEQUENCE_NUMBER. The model requires it; at the end of a shard there is none. */
  ContinuationSequenceNumber: required(SequenceNumber),
  MillisBehindLatest: required(long({ min: 0 })),
  Records: required(list(StreamRecord)),
})

const exception = (name: string) => structure(name, { message: string() })

const EventStream = structure('SubscribeToShardEventStream', {
  SubscribeToShardEvent: required(SubscribeToShardEventShape),
  ResourceNotFoundException: exception('ResourceNotFoundException'),
  ResourceInUseException: exception('ResourceInUseException'),
  KMSDisabledException: exception('KMSDisabledException'),
  KMSInvalidStateException: exception('KMSInvalidStateException'),
  KMSAccessDeniedException: exception('KMSAccessDeniedException'),
  KMSNotFoundException: exception('KMSNotFoundException'),
  KMSOptInRequired: exception('KMSOptInRequired'),
  KMSThrottlingException: exception('KMSThrottlingException'),
  InternalFailureException: exception('InternalFailureException'),
})

const Output = structure('SubscribeToShardOutput', { EventStream: required(EventStream) })

export type SubscribeToShardInput = Infer<typeof Input>

/** One event. At the end of a closed shard it has `ChildShards` and no `ContinuationSequenceNumber`. */
export type SubscribeToShardEvent = Omit<Infer<typeof SubscribeToShardEventShape>, 'ContinuationSequenceNumber'> & {
  readonly ContinuationSequenceNumber?: string
}

/** As values: the events in order. What ends the stream before its time is thrown: a KinesisError where it is modelled. */
export interface SubscribeToShardOutput {
  readonly EventStream: AsyncIterable<SubscribeToShardEvent>
}

/** Pushes the records of a shard to a registered consumer, for five minutes at most. */
// The shape of an event stream says what an event can be; as a value it is the events themselves.
export const SubscribeToShard = operation('SubscribeToShard', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ResourceInUseException',
    'LimitExceededException',
    'AccessDeniedException',
    'DryRunOperationException',
  ],
}) as Operation as Operation<SubscribeToShardInput, SubscribeToShardOutput>
