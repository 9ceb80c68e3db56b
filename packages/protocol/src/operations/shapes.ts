/** Scalars and structures that several operations share, with the constraints of the published model (KINESIS.md §8). */
import {
  blob,
  boolean,
  enumeration,
  integer,
  list,
  map,
  required,
  string,
  structure,
  timestamp,
} from '../schema/schema.ts'
import type { Infer } from '../schema/schema.ts'
import { RECORD_BYTES_MAX } from '../limits.ts'

export const StreamName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const StreamARN = string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' })
/** Declared on most inputs, described as not implemented; never to be put on an output (KINESIS.md §23). */
export const StreamId = string({ min: 1, max: 24, pattern: '[a-z0-9]{20}-[a-z0-9]{3}' })
export const ShardId = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
// The model now writes the next two as ^(…)$; without the anchors is what the service was seen to print.
export const HashKey = string({ pattern: '0|([1-9]\\d{0,38})' })
export const SequenceNumber = string({ pattern: '0|([1-9]\\d{0,128})' })
export const ShardIterator = string({ min: 1, max: 512 })
export const NextToken = string({ min: 1, max: 1_048_576 })
export const PartitionKey = string({ min: 1, max: 256 })
export const Data = blob({ min: 0, max: RECORD_BYTES_MAX })
export const KeyId = string({ min: 1, max: 2048 })
export const PageLimit = integer({ min: 1, max: 10_000 })
export const PositiveInteger = integer({ min: 1 })
export const NaturalInteger = integer({ min: 0 })
export const ResourceCount = integer({ min: 0, max: 1_000_000 })
export const RetentionPeriodHours = integer()
export const MaxRecordSizeInKiB = integer({ min: 1024, max: 10_240 })
export const Timestamp = timestamp()
export const Flag = boolean()
export const TagKey = string({ min: 1, max: 128 })
export const TagValue = string({ min: 0, max: 256 })
export const Tags = map(TagKey, TagValue, { min: 1, max: 200 })
export const TagKeys = list(TagKey, { min: 1, max: 50 })
export const ConsumerName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const ConsumerARN = string({
  min: 1,
  max: 2048,
  pattern: '^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+',
})
/** A stream, a registered consumer of one, or a channel. */
export const ResourceARN = string({
  min: 1,
  max: 2048,
  pattern: 'arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel)/\\S+',
})
/** A document in IAM's JSON language, as text. */
export const Policy = string()

export const StreamStatus = enumeration('CREATING', 'DELETING', 'ACTIVE', 'UPDATING')
export const ConsumerStatus = enumeration('CREATING', 'DELETING', 'ACTIVE')
export const EncryptionType = enumeration('NONE', 'KMS')
export const RecordDistributionStrategy = enumeration('AUTO', 'USER_PARTITION_KEY')
export const StreamMode = enumeration('PROVISIONED', 'ON_DEMAND')
/** In the order in which the service prints them. */
export const ShardIteratorType = enumeration(
  'AFTER_SEQUENCE_NUMBER',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
)
export const ShardFilterType = enumeration(
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
)
export const MetricsName = enumeration(
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
  'ALL',
)

export const StreamModeDetails = structure('StreamModeDetails', { StreamMode: required(StreamMode) })

export const HashKeyRange = structure('HashKeyRange', {
  StartingHashKey: required(HashKey),
  EndingHashKey: required(HashKey),
})

export const SequenceNumberRange = structure('SequenceNumberRange', {
  StartingSequenceNumber: required(SequenceNumber),
  /** Absent while the shard is open. */
  EndingSequenceNumber: SequenceNumber,
})

export const Shard = structure('Shard', {
  ShardId: required(ShardId),
  ParentShardId: ShardId,
  AdjacentParentShardId: ShardId,
  HashKeyRange: required(HashKeyRange),
  SequenceNumberRange: required(SequenceNumberRange),
})

export const ChildShard = structure('ChildShard', {
  ShardId: required(ShardId),
  ParentShards: required(list(ShardId)),
  HashKeyRange: required(HashKeyRange),
})

export const ShardLevelMetrics = list(MetricsName, { min: 1, max: 7 })

export const EnhancedMetrics = structure('EnhancedMetrics', { ShardLevelMetrics })

export const EnhancedMonitoringOutput = structure('EnhancedMonitoringOutput', {
  StreamName,
  /** Before the call. */
  CurrentShardLevelMetrics: ShardLevelMetrics,
  /** After it. */
  DesiredShardLevelMetrics: ShardLevelMetrics,
  StreamARN,
})

export const MinimumThroughputBillingCommitmentInput = structure('MinimumThroughputBillingCommitmentInput', {
  Status: required(enumeration('ENABLED', 'DISABLED')),
})

export const MinimumThroughputBillingCommitmentOutput = structure('MinimumThroughputBillingCommitmentOutput', {
  Status: required(enumeration('ENABLED', 'DISABLED', 'ENABLED_UNTIL_EARLIEST_ALLOWED_END')),
  StartedAt: Timestamp,
  EndedAt: Timestamp,
  EarliestAllowedEndAt: Timestamp,
})

export const Tag = structure('Tag', { Key: required(TagKey), Value: TagValue })

export const WarmThroughput = structure('WarmThroughputObject', {
  TargetMiBps: NaturalInteger,
  CurrentMiBps: NaturalInteger,
})

export const StreamSummary = structure('StreamSummary', {
  StreamName: required(StreamName),
  StreamARN: required(StreamARN),
  StreamStatus: required(StreamStatus),
  StreamModeDetails,
  StreamCreationTimestamp: Timestamp,
})

const consumer = {
  ConsumerName: required(ConsumerName),
  ConsumerARN: required(ConsumerARN),
  ConsumerStatus: required(ConsumerStatus),
  ConsumerCreationTimestamp: required(Timestamp),
} as const

export const Consumer = structure('Consumer', consumer)

export const ConsumerDescription = structure('ConsumerDescription', { ...consumer, StreamARN: required(StreamARN) })

export const StreamRecord = structure('Record', {
  SequenceNumber: required(SequenceNumber),
  ApproximateArrivalTimestamp: Timestamp,
  Data: required(Data),
  /** Absent only in streams that place records by themselves, where the writer gave none. */
  PartitionKey,
  EncryptionType,
})

export type StreamStatus = Infer<typeof StreamStatus>
export type ConsumerStatus = Infer<typeof ConsumerStatus>
export type Consumer = Infer<typeof Consumer>
export type ConsumerDescription = Infer<typeof ConsumerDescription>
export type StreamMode = Infer<typeof StreamMode>
export type RecordDistributionStrategy = Infer<typeof RecordDistributionStrategy>
export type WarmThroughput = Infer<typeof WarmThroughput>
export type EncryptionType = Infer<typeof EncryptionType>
export type ShardIteratorType = Infer<typeof ShardIteratorType>
export type ShardFilterType = Infer<typeof ShardFilterType>
export type HashKeyRange = Infer<typeof HashKeyRange>
export type SequenceNumberRange = Infer<typeof SequenceNumberRange>
export type Shard = Infer<typeof Shard>
export type ChildShard = Infer<typeof ChildShard>
export type StreamSummary = Infer<typeof StreamSummary>
export type StreamRecord = Infer<typeof StreamRecord>
export type Tag = Infer<typeof Tag>
export type MetricsName = Infer<typeof MetricsName>
export type MinimumThroughputBillingCommitmentOutput = Infer<typeof MinimumThroughputBillingCommitmentOutput>
