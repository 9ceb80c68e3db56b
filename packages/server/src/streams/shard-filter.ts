/** Which of a stream's shards ListShards returns for each filter (KINESIS.md §14). */
import { isExpired } from './retention.ts'
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

export type ShardFilter =
  | { readonly type: 'FROM_TRIM_HORIZON' | 'AT_TRIM_HORIZON' | 'AT_LATEST' }
  | { readonly type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly timestampMs: number }
  | { readonly type: 'AFTER_SHARD_ID'; readonly shard: number }

/** Says whether a shard passes. `horizonMs`: the oldest time a record can have and be seen. */
export function shardPasses(
  stream: Pick<Stream, 'createdMs'>,
  shard: Shard,
  filter: ShardFilter,
  horizonMs: number,
): boolean {
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

function wasOpenAt({ createdMs }: Pick<Stream, 'createdMs'>, shard: Shard, timeMs: number): boolean {
  // The first shards' births are logical; they opened when the stream was made.
  const openedMs = shard.parents.length === 0 ? Math.min(createdMs, shard.birthS * 1000) : shard.birthS * 1000
  return openedMs <= timeMs && (shard.closed === undefined || shard.closed.atMs >= timeMs)
}
