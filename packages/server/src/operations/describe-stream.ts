import { DESCRIBE_STREAM_PAGE_MAX, DescribeStream } from '@millrace/protocol'

import { unexpiredShards, visibleFromMs } from '../streams/retention.ts'
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
  // AWS: a stream in creation shows no shards.
  const shards =
    stream.status === 'CREATING' ? [] : unexpiredShards(stream, visibleFromMs(stream, service.guardedClock.now()))
  const rest = shards.filter((shard) => shard.number > after)
  return {
    StreamDescription: {
      ...describe(stream),
      Shards: rest.slice(0, limit).map(describeShard),
      HasMoreShards: rest.length > limit,
      RetentionPeriodHours: stream.retentionHours,
      EnhancedMonitoring: [{ ShardLevelMetrics: stream.shardLevelMetrics }],
      ...describeEncryption(stream),
    },
  }
})
