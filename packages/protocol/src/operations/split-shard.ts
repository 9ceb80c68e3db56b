/** SplitShard on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { HashKey, ShardId, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('SplitShardInput', {
  NewStartingHashKey: required(HashKey),
  StreamName,
  ShardToSplit: required(ShardId),
  StreamARN,
  StreamId,
})

/** Closes a shard and opens two in its place that meet at the new starting hash key. */
export const SplitShard = operation('SplitShard', {
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

export type SplitShardInput = Infer<typeof Input>
export type SplitShardOutput = void
