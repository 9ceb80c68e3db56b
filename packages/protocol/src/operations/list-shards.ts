/** ListShards on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import {
  NextToken,
  PageLimit,
  Shard,
  ShardFilterType,
  ShardId,
  StreamARN,
  StreamId,
  StreamName,
  Timestamp,
} from './shapes.ts'

const ShardFilter = structure('ShardFilter', {
  Type: required(ShardFilterType),
  /** Only with AFTER_SHARD_ID. */
  ShardId,
  /** Only with AT_TIMESTAMP and FROM_TIMESTAMP. */
  Timestamp,
})

const Input = structure('ListShardsInput', {
  MaxResults: PageLimit,
  ExclusiveStartShardId: ShardId,
  StreamName,
  NextToken,
  StreamCreationTimestamp: Timestamp,
  ShardFilter,
  StreamARN,
  StreamId,
})

const Output = structure('ListShardsOutput', {
  NextToken,
  Shards: list(Shard),
})

/** A page of a stream's shards in order of their ids, all or those that a filter leaves. */
export const ListShards = operation('ListShards', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ExpiredNextTokenException',
    'ResourceInUseException',
    'AccessDeniedException',
  ],
})

export type ListShardsInput = Infer<typeof Input>
export type ListShardsOutput = Infer<typeof Output>
