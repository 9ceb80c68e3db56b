/** The public face of the protocol: operations as data, codecs, errors, and the names and numbers on the wire. */
export {
  applicationArn,
  channelArn,
  consumerArn,
  parseChannelArn,
  parseConsumerArn,
  parseStreamArn,
  partitionOf,
  streamArn,
} from './arn.ts'
export type { ChannelAddress, ConsumerAddress, StreamAddress } from './arn.ts'
export {
  decodeDocument,
  decodeQuickly,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  encodeResponsePieces,
  parseDocument,
} from './codecs/body.ts'
export type { Document } from './codecs/body.ts'
export { decodeAggregatedRecord } from './codecs/aggregated-record.ts'
export type { UserRecord } from './codecs/aggregated-record.ts'
export type { Codec } from './codecs/codec.ts'
export { createRecordWriter, encodedBytes, EncodedRecords } from './codecs/record-writer.ts'
export type { RecordCommit, RecordPlace, RecordWriter } from './codecs/record-writer.ts'
export { decodeError, encodeError } from './codecs/error-body.ts'
export type { DecodedError, ErrorAnswer } from './codecs/error-body.ts'
export { errorTraits, KinesisError } from './errors.ts'
export type { ErrorKind, ErrorTraits, ErrorType } from './errors.ts'
export { HASH_KEY_MAX, HashKeyRouter, hashKeyOf } from './hash-key.ts'
export {
  CHANNELS_PER_ACCOUNT,
  COMMITTED_STREAM_CONSUMERS_MAX,
  CONSUMERS_CREATING_MAX,
  DESCRIBE_STREAM_PAGE_MAX,
  GET_RECORDS_BYTES_MAX,
  GET_RECORDS_MAX,
  LIST_CHANNELS_PAGE_MAX,
  LIST_CONSUMERS_PAGE_MAX,
  LIST_SHARDS_PAGE_MAX,
  LIST_STREAMS_PAGE_MAX,
  NEXT_TOKEN_LIFE_MS,
  PARTITION_KEY_BYTES_MAX,
  PARTITION_KEY_LENGTH_MAX,
  PUT_RECORDS_BYTES_MAX,
  PUT_RECORDS_MAX,
  RECORD_BYTES_MAX,
  RECORD_KIB_DEFAULT,
  RECORD_KIB_MAX,
  RETENTION_HOURS_DEFAULT,
  RETENTION_HOURS_MAX,
  RETENTION_HOURS_MIN,
  ON_DEMAND_SHARDS_DEFAULT,
  ON_DEMAND_STREAMS_DEFAULT,
  SHARDS_PER_ACCOUNT_DEFAULT,
  SHARDS_PER_STREAM_MAX,
  SHARD_ITERATOR_LENGTH_MAX,
  SHARD_ITERATOR_LIFE_MS,
  SHARD_READS_PER_SECOND,
  SHARD_SUBSCRIPTION_BYTES_PER_SECOND,
  SHARD_READ_BYTES_PER_SECOND,
  SHARD_WRITE_BYTES_PER_SECOND,
  SHARD_WRITE_RECORDS_PER_SECOND,
  STREAMS_CHANGING_MAX,
  STREAM_CONSUMERS_MAX,
  SUBSCRIPTION_LIFE_MS,
  SUBSCRIPTION_TAKEOVER_MS,
  WARM_THROUGHPUT_MIBPS_MAX,
} from './limits.ts'
export type { InputOf, Operation, OutputOf } from './operation.ts'
export { operations } from './operations/registry.ts'
export { parseShardId, SHARD_NUMBER_MAX, shardIdOf } from './shard-id.ts'
export {
  COMMIT_MAX,
  decodeSequenceNumber,
  encodeSequenceNumber,
  endingSequenceNumber,
  INDEX_MAX,
  SequenceNumberWriter,
  startingSequenceNumber,
} from './sequence-number.ts'
export type { DecodedSequenceNumber, SequenceNumberFields, ShardIdentity } from './sequence-number.ts'
export type {
  ChildShard,
  Consumer,
  ConsumerDescription,
  ConsumerStatus,
  EncryptionType,
  HashKeyRange,
  MetricsName,
  MinimumThroughputBillingCommitmentOutput,
  RecordDistributionStrategy,
  SequenceNumberRange,
  Shard,
  ShardFilterType,
  ShardIteratorType,
  StreamMode,
  StreamRecord,
  StreamStatus,
  StreamSummary,
  Tag,
  WarmThroughput,
} from './operations/shapes.ts'
export { CreateChannel } from './operations/create-channel.ts'
export type { CreateChannelInput, CreateChannelOutput } from './operations/create-channel.ts'
export { DeleteChannel } from './operations/delete-channel.ts'
export type { DeleteChannelInput, DeleteChannelOutput } from './operations/delete-channel.ts'
export { DescribeChannel } from './operations/describe-channel.ts'
export type { DescribeChannelInput, DescribeChannelOutput } from './operations/describe-channel.ts'
export { ListChannels } from './operations/list-channels.ts'
export type { ListChannelsInput, ListChannelsOutput } from './operations/list-channels.ts'
export { UpdateChannel } from './operations/update-channel.ts'
export type { UpdateChannelInput, UpdateChannelOutput } from './operations/update-channel.ts'
export type { ChannelDescription, ChannelSummary } from './operations/channel-shapes.ts'
export { AddTagsToStream } from './operations/add-tags-to-stream.ts'
export type { AddTagsToStreamInput, AddTagsToStreamOutput } from './operations/add-tags-to-stream.ts'
export { DeleteResourcePolicy } from './operations/delete-resource-policy.ts'
export type { DeleteResourcePolicyInput, DeleteResourcePolicyOutput } from './operations/delete-resource-policy.ts'
export { DeregisterStreamConsumer } from './operations/deregister-stream-consumer.ts'
export type {
  DeregisterStreamConsumerInput,
  DeregisterStreamConsumerOutput,
} from './operations/deregister-stream-consumer.ts'
export { DescribeStreamConsumer } from './operations/describe-stream-consumer.ts'
export type {
  DescribeStreamConsumerInput,
  DescribeStreamConsumerOutput,
} from './operations/describe-stream-consumer.ts'
export { ListStreamConsumers } from './operations/list-stream-consumers.ts'
export type { ListStreamConsumersInput, ListStreamConsumersOutput } from './operations/list-stream-consumers.ts'
export { RegisterStreamConsumer } from './operations/register-stream-consumer.ts'
export type {
  RegisterStreamConsumerInput,
  RegisterStreamConsumerOutput,
} from './operations/register-stream-consumer.ts'
export { DescribeAccountSettings } from './operations/describe-account-settings.ts'
export type {
  DescribeAccountSettingsInput,
  DescribeAccountSettingsOutput,
} from './operations/describe-account-settings.ts'
export { DescribeLimits } from './operations/describe-limits.ts'
export type { DescribeLimitsInput, DescribeLimitsOutput } from './operations/describe-limits.ts'
export { DisableEnhancedMonitoring } from './operations/disable-enhanced-monitoring.ts'
export type {
  DisableEnhancedMonitoringInput,
  DisableEnhancedMonitoringOutput,
} from './operations/disable-enhanced-monitoring.ts'
export { EnableEnhancedMonitoring } from './operations/enable-enhanced-monitoring.ts'
export type {
  EnableEnhancedMonitoringInput,
  EnableEnhancedMonitoringOutput,
} from './operations/enable-enhanced-monitoring.ts'
export { GetResourcePolicy } from './operations/get-resource-policy.ts'
export type { GetResourcePolicyInput, GetResourcePolicyOutput } from './operations/get-resource-policy.ts'
export { ListTagsForResource } from './operations/list-tags-for-resource.ts'
export type { ListTagsForResourceInput, ListTagsForResourceOutput } from './operations/list-tags-for-resource.ts'
export { ListTagsForStream } from './operations/list-tags-for-stream.ts'
export type { ListTagsForStreamInput, ListTagsForStreamOutput } from './operations/list-tags-for-stream.ts'
export { PutResourcePolicy } from './operations/put-resource-policy.ts'
export type { PutResourcePolicyInput, PutResourcePolicyOutput } from './operations/put-resource-policy.ts'
export { RemoveTagsFromStream } from './operations/remove-tags-from-stream.ts'
export type { RemoveTagsFromStreamInput, RemoveTagsFromStreamOutput } from './operations/remove-tags-from-stream.ts'
export { StartStreamEncryption } from './operations/start-stream-encryption.ts'
export type { StartStreamEncryptionInput, StartStreamEncryptionOutput } from './operations/start-stream-encryption.ts'
export { StopStreamEncryption } from './operations/stop-stream-encryption.ts'
export type { StopStreamEncryptionInput, StopStreamEncryptionOutput } from './operations/stop-stream-encryption.ts'
export { TagResource } from './operations/tag-resource.ts'
export type { TagResourceInput, TagResourceOutput } from './operations/tag-resource.ts'
export { UntagResource } from './operations/untag-resource.ts'
export type { UntagResourceInput, UntagResourceOutput } from './operations/untag-resource.ts'
export { UpdateAccountSettings } from './operations/update-account-settings.ts'
export type { UpdateAccountSettingsInput, UpdateAccountSettingsOutput } from './operations/update-account-settings.ts'
export { UpdateMaxRecordSize } from './operations/update-max-record-size.ts'
export type { UpdateMaxRecordSizeInput, UpdateMaxRecordSizeOutput } from './operations/update-max-record-size.ts'
export { UpdateShardCount } from './operations/update-shard-count.ts'
export type { UpdateShardCountInput, UpdateShardCountOutput } from './operations/update-shard-count.ts'
export { UpdateStreamMode } from './operations/update-stream-mode.ts'
export type { UpdateStreamModeInput, UpdateStreamModeOutput } from './operations/update-stream-mode.ts'
export { UpdateStreamRecordDistributionStrategy } from './operations/update-stream-record-distribution-strategy.ts'
export type {
  UpdateStreamRecordDistributionStrategyInput,
  UpdateStreamRecordDistributionStrategyOutput,
} from './operations/update-stream-record-distribution-strategy.ts'
export { UpdateStreamWarmThroughput } from './operations/update-stream-warm-throughput.ts'
export type {
  UpdateStreamWarmThroughputInput,
  UpdateStreamWarmThroughputOutput,
} from './operations/update-stream-warm-throughput.ts'
export { CreateStream } from './operations/create-stream.ts'
export type { CreateStreamInput, CreateStreamOutput } from './operations/create-stream.ts'
export { DecreaseStreamRetentionPeriod } from './operations/decrease-stream-retention-period.ts'
export type {
  DecreaseStreamRetentionPeriodInput,
  DecreaseStreamRetentionPeriodOutput,
} from './operations/decrease-stream-retention-period.ts'
export { DeleteStream } from './operations/delete-stream.ts'
export type { DeleteStreamInput, DeleteStreamOutput } from './operations/delete-stream.ts'
export { DescribeStreamSummary } from './operations/describe-stream-summary.ts'
export type { DescribeStreamSummaryInput, DescribeStreamSummaryOutput } from './operations/describe-stream-summary.ts'
export { DescribeStream } from './operations/describe-stream.ts'
export type { DescribeStreamInput, DescribeStreamOutput } from './operations/describe-stream.ts'
export { GetRecords } from './operations/get-records.ts'
export type { GetRecordsInput, GetRecordsOutput } from './operations/get-records.ts'
export { GetShardIterator } from './operations/get-shard-iterator.ts'
export type { GetShardIteratorInput, GetShardIteratorOutput } from './operations/get-shard-iterator.ts'
export { IncreaseStreamRetentionPeriod } from './operations/increase-stream-retention-period.ts'
export type {
  IncreaseStreamRetentionPeriodInput,
  IncreaseStreamRetentionPeriodOutput,
} from './operations/increase-stream-retention-period.ts'
export { ListShards } from './operations/list-shards.ts'
export type { ListShardsInput, ListShardsOutput } from './operations/list-shards.ts'
export { ListStreams } from './operations/list-streams.ts'
export type { ListStreamsInput, ListStreamsOutput } from './operations/list-streams.ts'
export { MergeShards } from './operations/merge-shards.ts'
export type { MergeShardsInput, MergeShardsOutput } from './operations/merge-shards.ts'
export { PutRecord } from './operations/put-record.ts'
export type { PutRecordInput, PutRecordOutput } from './operations/put-record.ts'
export { PutRecords } from './operations/put-records.ts'
export type { PutRecordsInput, PutRecordsOutput, PutRecordsEntry, PutRecordsResult } from './operations/put-records.ts'
export { SplitShard } from './operations/split-shard.ts'
export type { SplitShardInput, SplitShardOutput } from './operations/split-shard.ts'
export { SubscribeToShard } from './operations/subscribe-to-shard.ts'
export type {
  SubscribeToShardEvent,
  SubscribeToShardInput,
  SubscribeToShardOutput,
} from './operations/subscribe-to-shard.ts'
export {
  decodeSubscribeToShardEvent,
  encodeSubscribeToShardEvent,
  encodeSubscriptionException,
  EVENT_STREAM_TYPE,
  initialResponse,
} from './codecs/subscribe-to-shard.ts'
export type { EncodedSubscribeToShardEvent } from './codecs/subscribe-to-shard.ts'
export {
  encodeEventMessage,
  EVENT_MESSAGE_BYTES_MAX,
  EventMessageDecoder,
  EventStreamError,
} from './codecs/event-stream.ts'
export type { EventMessage } from './codecs/event-stream.ts'
export type { SignableRequest } from './sigv4/canonical.ts'
export { presignRequest, signRequest } from './sigv4/sign.ts'
export type { SigningOptions } from './sigv4/sign.ts'
export { readSignature } from './sigv4/signature.ts'
export type { ClaimedSignature } from './sigv4/signature.ts'
export { SigningKeyCache } from './sigv4/signing-key.ts'
export { CLOCK_SKEW_MAX_MS, verifySignature } from './sigv4/verify.ts'
export type { VerifyOptions } from './sigv4/verify.ts'
export {
  APPLICATIONS_PER_ACCOUNT_MAX,
  BEAT_WAIT_MAX_MS,
  DESCRIBE_APPLICATION_PAGE_MAX,
  LEASE_BYTES_PER_ACCOUNT_MAX,
  LEASES_PER_APPLICATION_MAX,
  LEASES_PER_CALL_MAX,
  LIST_APPLICATIONS_PAGE_MAX,
  SESSION_TTL_MAX_MS,
  SESSION_TTL_MIN_MS,
  WORKERS_PER_APPLICATION_MAX,
} from './applications/limits.ts'
export { BeatSession } from './applications/beat-session.ts'
export type { BeatSessionInput, BeatSessionOutput } from './applications/beat-session.ts'
export { CreateLeases } from './applications/create-leases.ts'
export type { CreateLeasesInput } from './applications/create-leases.ts'
export { DeleteApplication } from './applications/delete-application.ts'
export type { DeleteApplicationInput } from './applications/delete-application.ts'
export { DescribeApplication } from './applications/describe-application.ts'
export type { DescribeApplicationInput, DescribeApplicationOutput } from './applications/describe-application.ts'
export { LeaveSession } from './applications/leave-session.ts'
export type { LeaveSessionInput } from './applications/leave-session.ts'
export { ListApplications } from './applications/list-applications.ts'
export type { ListApplicationsInput, ListApplicationsOutput } from './applications/list-applications.ts'
export { RemoveLeases } from './applications/remove-leases.ts'
export type { RemoveLeasesInput } from './applications/remove-leases.ts'
export { UpdateLeases } from './applications/update-leases.ts'
export type { UpdateLeasesInput, UpdateLeasesOutput } from './applications/update-leases.ts'
export type {
  ServiceLease,
  ServiceLeaseChange,
  ServiceNewLease,
  ServicePendingCheckpoint,
  ServicePlace,
} from './applications/shapes.ts'
export { applicationOperations } from './applications/registry.ts'
export { operationsByTarget } from './operations-by-target.ts'
