import { DESCRIBE_STREAM_PAGE_MAX, DescribeStream } from '@millrace/protocol'

import { isExpired, visibleFromMs } from '../streams/retention.ts'
import type { Shard } from '../streams/shard.ts'
import { listShardsAfter } from '../streams/shard-listing.ts'
import { handle } from './operation.ts'
import { describeEncryption, describeShard, describeStream as describe } from './shard-description.ts'
import { getStream, shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** Describes a stream with a page of its shards, closed ones too as long as they may hold records. */
export const describeStream = handle(DescribeStream, (input, service, context) => {
  const after =
    input.ExclusiveStartShardId === undefined
      ? -1
      : shardNumberOf(input.ExclusiveStartShardId, streamKeyOf(input, DescribeStream.name, context))
  const stream = getStream(input, DescribeStream.name, service, context)
  const limit = Math.min(input.Limit ?? DESCRIBE_STREAM_PAGE_MAX, DESCRIBE_STREAM_PAGE_MAX)
  const horizonMs = visibleFromMs(stream, service.guardedClock.now(stream.retentionHours))
  // AWS: a stream in creation shows no shards.
  const isListed = (shard: Shard): boolean => stream.status !== 'CREATING' && !isExpired(shard, horizonMs)
  const { shards, hasMore } = listShardsAfter(stream, after, limit, isListed)
  return {
    StreamDescription: {
      ...describe(stream),
      Shards: shards.map(describeShard),
      HasMoreShards: hasMore,
      RetentionPeriodHours: stream.retentionHours,
      EnhancedMonitoring: [{ ShardLevelMetrics: stream.shardLevelMetrics }],
      ...describeEncryption(stream),
    },
  }
})
