import { DescribeStreamSummary } from '@millrace/protocol'

import { handle } from './operation.ts'
import { describeEncryption, describeStream } from './shard-description.ts'
import { getStream } from './stream-lookup.ts'
import { describeWarmThroughput, hasCommitment } from './warm-throughput.ts'

/** Describes a stream with the number of its open shards instead of the shards themselves. */
export const describeStreamSummary = handle(DescribeStreamSummary, async (input, service, context) => {
  const stream = getStream(input, DescribeStreamSummary.name, service, context)
  const { onDemand } = stream
  const isWarm = onDemand !== undefined && (await hasCommitment(service, context))
  return {
    StreamDescriptionSummary: {
      ...describeStream(stream),
      RetentionPeriodHours: stream.retentionHours,
      EnhancedMonitoring: [{ ShardLevelMetrics: stream.shardLevelMetrics }],
      ...describeEncryption(stream),
      OpenShardCount: stream.status === 'CREATING' ? 0 : stream.openShards,
      ConsumerCount: stream.consumers.size,
      ...(stream.onDemand === undefined ? {} : { ChannelCount: stream.channels.size }),
      ...(isWarm ? { WarmThroughput: describeWarmThroughput(onDemand, stream, service) } : {}),
      MaxRecordSizeInKiB: stream.maxRecordKiB,
      ...(onDemand === undefined ? {} : { RecordDistributionStrategy: onDemand.distribution }),
    },
  }
})
