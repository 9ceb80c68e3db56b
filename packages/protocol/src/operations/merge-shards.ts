/** MergeShards on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ShardId, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('MergeShardsInput', {
  ShardToMerge: required(ShardId),
  AdjacentShardToMerge: required(ShardId),
  StreamName,
  StreamARN,
  StreamId,
})

/** Closes two neighbouring shards and opens one in their place. */
export const MergeShards = operation('MergeShards', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ValidationException',
    'AccessDeniedException',
  ],
})

export type MergeShardsInput = Infer<typeof Input>
export type MergeShardsOutput = void
