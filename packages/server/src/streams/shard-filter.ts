/** Which of a stream's shards ListShards returns for each filter (KINESIS.md §14). */
import { isExpired } from './retention.ts'
import type { Shard } from './shard.ts'
import { findShard, type Stream } from './stream.ts'

export type ShardFilter =
  | { readonly type: 'FROM_TRIM_HORIZON' | 'AT_TRIM_HORIZON' | 'AT_LATEST' }
  | { readonly type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly timestampMs: number }
  | { readonly type: 'AFTER_SHARD_ID'; readonly shard: number }

type FilteredStream = Pick<Stream, 'createdMs' | 'pages'>

/** Says whether a shard passes. `horizonMs`: the oldest time a record can have and be seen. */
export function shardPasses(stream: FilteredStream, shard: Shard, filter: ShardFilter, horizonMs: number): boolean {
  if (isExpired(shard, horizonMs)) return false
  switch (filter.type) {
    case 'FROM_TRIM_HORIZON':
      return true
    case 'AT_TRIM_HORIZON':
      // The horizon of a young stream is its creation.
      return wasOpenAt(stream, shard, Math.max(horizonMs, stream.createdMs))
    case 'AT_LATEST':
      return shard.closed === undefined
    case 'AT_TIMESTAMP':
      return wasOpenAt(stream, shard, filter.timestampMs)
    case 'FROM_TIMESTAMP':
      return shard.closed === undefined || shard.closed.atMs >= filter.timestampMs
    case 'AFTER_SHARD_ID':
      return shard.number > filter.shard
  }
}

/**
 * At each time since the stream was made, the shards that were open then have the whole key space, once. A birth is no
 * help with that: it may lead the clock.
 */
function wasOpenAt(stream: FilteredStream, shard: Shard, timeMs: number): boolean {
  if (shard.closed !== undefined && shard.closed.atMs < timeMs) return false
  if (shard.parents.length === 0) return Math.min(stream.createdMs, shard.birthS * 1000) <= timeMs
  const endings = shard.parents.map((parent) => findShard(stream, parent)?.closed?.atMs)
  // Parents that are gone had expired; what they tell is far in the past.
  return endings.every((endMs) => (endMs === undefined ? shard.birthS * 1000 <= timeMs : endMs < timeMs))
}
