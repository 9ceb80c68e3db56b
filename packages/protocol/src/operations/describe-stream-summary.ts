/** DescribeStreamSummary on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import {
  EncryptionType,
  EnhancedMetrics,
  KeyId,
  MaxRecordSizeInKiB,
  RecordDistributionStrategy,
  ResourceCount,
  RetentionPeriodHours,
  StreamARN,
  StreamId,
  StreamModeDetails,
  StreamName,
  StreamStatus,
  Timestamp,
  WarmThroughput,
} from './shapes.ts'

const StreamDescriptionSummary = structure('StreamDescriptionSummary', {
  StreamName: required(StreamName),
  StreamARN: required(StreamARN),
  /** In the model; a client that finds it here sends its next calls to AWS. Leave it out. */
  StreamId,
  StreamStatus: required(StreamStatus),
  StreamModeDetails,
  RetentionPeriodHours: required(RetentionPeriodHours),
  StreamCreationTimestamp: required(Timestamp),
  EnhancedMonitoring: required(list(EnhancedMetrics)),
  EncryptionType,
  KeyId,
  OpenShardCount: required(ResourceCount),
  ConsumerCount: ResourceCount,
  WarmThroughput,
  MaxRecordSizeInKiB,
  ChannelCount: ResourceCount,
  RecordDistributionStrategy,
})

const Input = structure('DescribeStreamSummaryInput', {
  StreamName,
  StreamARN,
  StreamId,
})

const Output = structure('DescribeStreamSummaryOutput', {
  StreamDescriptionSummary: required(StreamDescriptionSummary),
})

/** A stream without its shards, but with their number. */
export const DescribeStreamSummary = operation('DescribeStreamSummary', {
  input: Input,
  output: Output,
  errors: ['ResourceNotFoundException', 'LimitExceededException', 'InvalidArgumentException', 'AccessDeniedException'],
})

export type DescribeStreamSummaryInput = Infer<typeof Input>
export type DescribeStreamSummaryOutput = Infer<typeof Output>
