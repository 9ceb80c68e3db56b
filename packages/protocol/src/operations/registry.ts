/** The operations that are implemented. To add one: its file beside this one, and a line here. */
import type { Operation } from '../operation.ts'
import { AddTagsToStream } from './add-tags-to-stream.ts'
import { CreateChannel } from './create-channel.ts'
import { CreateStream } from './create-stream.ts'
import { DecreaseStreamRetentionPeriod } from './decrease-stream-retention-period.ts'
import { DeleteChannel } from './delete-channel.ts'
import { DeleteResourcePolicy } from './delete-resource-policy.ts'
import { DeleteStream } from './delete-stream.ts'
import { DeregisterStreamConsumer } from './deregister-stream-consumer.ts'
import { DescribeAccountSettings } from './describe-account-settings.ts'
import { DescribeChannel } from './describe-channel.ts'
import { DescribeLimits } from './describe-limits.ts'
import { DescribeStream } from './describe-stream.ts'
import { DescribeStreamConsumer } from './describe-stream-consumer.ts'
import { DescribeStreamSummary } from './describe-stream-summary.ts'
import { DisableEnhancedMonitoring } from './disable-enhanced-monitoring.ts'
import { EnableEnhancedMonitoring } from './enable-enhanced-monitoring.ts'
import { GetRecords } from './get-records.ts'
import { GetResourcePolicy } from './get-resource-policy.ts'
import { GetShardIterator } from './get-shard-iterator.ts'
import { IncreaseStreamRetentionPeriod } from './increase-stream-retention-period.ts'
import { ListChannels } from './list-channels.ts'
import { ListShards } from './list-shards.ts'
import { ListStreamConsumers } from './list-stream-consumers.ts'
import { ListStreams } from './list-streams.ts'
import { ListTagsForResource } from './list-tags-for-resource.ts'
import { ListTagsForStream } from './list-tags-for-stream.ts'
import { MergeShards } from './merge-shards.ts'
import { PutRecord } from './put-record.ts'
import { PutRecords } from './put-records.ts'
import { PutResourcePolicy } from './put-resource-policy.ts'
import { RegisterStreamConsumer } from './register-stream-consumer.ts'
import { RemoveTagsFromStream } from './remove-tags-from-stream.ts'
import { SplitShard } from './split-shard.ts'
import { StartStreamEncryption } from './start-stream-encryption.ts'
import { StopStreamEncryption } from './stop-stream-encryption.ts'
import { SubscribeToShard } from './subscribe-to-shard.ts'
import { TagResource } from './tag-resource.ts'
import { UntagResource } from './untag-resource.ts'
import { UpdateAccountSettings } from './update-account-settings.ts'
import { UpdateChannel } from './update-channel.ts'
import { UpdateMaxRecordSize } from './update-max-record-size.ts'
import { UpdateShardCount } from './update-shard-count.ts'
import { UpdateStreamMode } from './update-stream-mode.ts'
import { UpdateStreamRecordDistributionStrategy } from './update-stream-record-distribution-strategy.ts'
import { UpdateStreamWarmThroughput } from './update-stream-warm-throughput.ts'

const all: readonly Operation[] = [
  CreateStream,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  ListStreams,
  ListShards,
  PutRecord,
  PutRecords,
  GetShardIterator,
  GetRecords,
  SplitShard,
  MergeShards,
  UpdateShardCount,
  IncreaseStreamRetentionPeriod,
  DecreaseStreamRetentionPeriod,
  AddTagsToStream,
  RemoveTagsFromStream,
  ListTagsForStream,
  TagResource,
  UntagResource,
  ListTagsForResource,
  DescribeLimits,
  DescribeAccountSettings,
  UpdateAccountSettings,
  StartStreamEncryption,
  StopStreamEncryption,
  EnableEnhancedMonitoring,
  DisableEnhancedMonitoring,
  UpdateMaxRecordSize,
  UpdateStreamMode,
  UpdateStreamWarmThroughput,
  UpdateStreamRecordDistributionStrategy,
  GetResourcePolicy,
  PutResourcePolicy,
  DeleteResourcePolicy,
  RegisterStreamConsumer,
  DeregisterStreamConsumer,
  DescribeStreamConsumer,
  ListStreamConsumers,
  SubscribeToShard,
  CreateChannel,
  DescribeChannel,
  ListChannels,
  UpdateChannel,
  DeleteChannel,
]

export const operations: ReadonlyMap<string, Operation> = new Map(all.map((operation) => [operation.name, operation]))
