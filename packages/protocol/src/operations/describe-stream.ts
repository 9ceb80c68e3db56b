/** DescribeStream on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import {
  EncryptionType,
  EnhancedMetrics,
  Flag,
  KeyId,
  PageLimit,
  RetentionPeriodHours,
  Shard,
  ShardId,
  StreamARN,
  StreamId,
  StreamModeDetails,
  StreamName,
  StreamStatus,
  Timestamp,
} from './shapes.ts'

const StreamDescription = structure('StreamDescription', {
  StreamName: required(StreamName),
  StreamARN: required(StreamARN),
  StreamStatus: required(StreamStatus),
  StreamModeDetails,
  Shards: required(list(Shard)),
  HasMoreShards: required(Flag),
  RetentionPeriodHours: required(RetentionPeriodHours),
  StreamCreationTimestamp: required(Timestamp),
  EnhancedMonitoring: required(list(EnhancedMetrics)),
  EncryptionType,
  KeyId,
})

const Input = structure('DescribeStreamInput', {
  Limit: PageLimit,
  ExclusiveStartShardId: ShardId,
  StreamName,
  StreamARN,
  StreamId,
})

const Output = structure('DescribeStreamOutput', {
  StreamDescription: required(StreamDescription),
})

/** A stream and a page of its shards in order of their ids, closed ones too as long as they have data. */
export const DescribeStream = operation('DescribeStream', {
  input: Input,
  output: Output,
  errors: ['ResourceNotFoundException', 'LimitExceededException', 'InvalidArgumentException', 'AccessDeniedException'],
})

export type DescribeStreamInput = Infer<typeof Input>
export type DescribeStreamOutput = Infer<typeof Output>
