/** The operations this service has. To add one: its file here and in the protocol, and a line in both registries. */
import { addTagsToStream } from './add-tags-to-stream.ts'
import { createChannel } from './create-channel.ts'
import { createStream } from './create-stream.ts'
import { decreaseStreamRetentionPeriod } from './decrease-stream-retention-period.ts'
import { deleteChannel } from './delete-channel.ts'
import { deleteResourcePolicy } from './delete-resource-policy.ts'
import { deleteStream } from './delete-stream.ts'
import { deregisterStreamConsumer } from './deregister-stream-consumer.ts'
import { describeAccountSettings } from './describe-account-settings.ts'
import { describeChannel } from './describe-channel.ts'
import { describeLimits } from './describe-limits.ts'
import { describeStreamConsumer } from './describe-stream-consumer.ts'
import { describeStreamSummary } from './describe-stream-summary.ts'
import { describeStream } from './describe-stream.ts'
import { disableEnhancedMonitoring } from './disable-enhanced-monitoring.ts'
import { enableEnhancedMonitoring } from './enable-enhanced-monitoring.ts'
import { getRecords } from './get-records.ts'
import { getResourcePolicy } from './get-resource-policy.ts'
import { getShardIterator } from './get-shard-iterator.ts'
import { increaseStreamRetentionPeriod } from './increase-stream-retention-period.ts'
import { listChannels } from './list-channels.ts'
import { listShards } from './list-shards.ts'
import { listStreamConsumers } from './list-stream-consumers.ts'
import { listStreams } from './list-streams.ts'
import { listTagsForResource } from './list-tags-for-resource.ts'
import { listTagsForStream } from './list-tags-for-stream.ts'
import { mergeShards } from './merge-shards.ts'
import type { Handler } from './operation.ts'
import { putRecord } from './put-record.ts'
import { putRecords } from './put-records.ts'
import { putResourcePolicy } from './put-resource-policy.ts'
import { registerStreamConsumer } from './register-stream-consumer.ts'
import { removeTagsFromStream } from './remove-tags-from-stream.ts'
import { splitShard } from './split-shard.ts'
import { startStreamEncryption } from './start-stream-encryption.ts'
import { stopStreamEncryption } from './stop-stream-encryption.ts'
import { subscribeToShard } from './subscribe-to-shard.ts'
import { tagResource } from './tag-resource.ts'
import { untagResource } from './untag-resource.ts'
import { updateAccountSettings } from './update-account-settings.ts'
import { updateChannel } from './update-channel.ts'
import { updateMaxRecordSize } from './update-max-record-size.ts'
import { updateShardCount } from './update-shard-count.ts'
import { updateStreamMode } from './update-stream-mode.ts'
import { updateStreamRecordDistributionStrategy } from './update-stream-record-distribution-strategy.ts'
import { updateStreamWarmThroughput } from './update-stream-warm-throughput.ts'

const all: readonly Handler[] = [
  createStream,
  deleteStream,
  describeStream,
  describeStreamSummary,
  listStreams,
  listShards,
  putRecord,
  putRecords,
  getShardIterator,
  getRecords,
  splitShard,
  mergeShards,
  updateShardCount,
  increaseStreamRetentionPeriod,
  decreaseStreamRetentionPeriod,
  addTagsToStream,
  removeTagsFromStream,
  listTagsForStream,
  tagResource,
  untagResource,
  listTagsForResource,
  describeLimits,
  describeAccountSettings,
  updateAccountSettings,
  startStreamEncryption,
  stopStreamEncryption,
  enableEnhancedMonitoring,
  disableEnhancedMonitoring,
  updateMaxRecordSize,
  updateStreamMode,
  updateStreamWarmThroughput,
  updateStreamRecordDistributionStrategy,
  getResourcePolicy,
  putResourcePolicy,
  deleteResourcePolicy,
  registerStreamConsumer,
  deregisterStreamConsumer,
  describeStreamConsumer,
  listStreamConsumers,
  subscribeToShard,
  createChannel,
  describeChannel,
  listChannels,
  updateChannel,
  deleteChannel,
]

export const handlers: ReadonlyMap<string, Handler> = new Map(all.map((handler) => [handler.name, handler]))
