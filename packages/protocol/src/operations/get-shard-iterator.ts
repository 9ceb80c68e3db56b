/** GetShardIterator on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import {
  Flag,
  SequenceNumber,
  ShardId,
  ShardIterator,
  ShardIteratorType,
  StreamARN,
  StreamId,
  StreamName,
  Timestamp,
} from './shapes.ts'

const Input = structure('GetShardIteratorInput', {
  ShardId: required(ShardId),
  ShardIteratorType: required(ShardIteratorType),
  StartingSequenceNumber: SequenceNumber,
  StreamName,
  Timestamp,
  StreamARN,
  StreamId,
  DryRun: Flag,
})

const Output = structure('GetShardIteratorOutput', {
  ShardIterator,
})

/** A place in a shard from which GetRecords can read for five minutes. */
export const GetShardIterator = operation('GetShardIterator', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'AccessDeniedException',
    'InternalFailureException',
    'DryRunOperationException',
  ],
})

export type GetShardIteratorInput = Infer<typeof Input>
export type GetShardIteratorOutput = Infer<typeof Output>
