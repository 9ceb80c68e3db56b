/** A part of a stream's shards, for an answer that has room for some of them. */
import type { Shard } from './shard.ts'
import { pageOf, type Stream } from './stream.ts'

export interface ShardListing {
  /** By ascending number. */
  readonly shards: readonly Shard[]
  readonly hasMore: boolean
}

/**
 * The first `limit` shards with a number above `after` that are listed. Pages of shards before are passed over, and
 * behind it looks no further than the next one that is listed: to go through all costs each shard one look.
 */
export function listShardsAfter(
  { pages }: Pick<Stream, 'pages'>,
  after: number,
  limit: number,
  isListed: (shard: Shard) => boolean,
): ShardListing {
  const shards: Shard[] = []
  for (const [page, candidates] of pages) {
    if (page < pageOf(after + 1)) continue
    for (const shard of candidates) {
      if (shard.number <= after || !isListed(shard)) continue
      if (shards.length === limit) return { shards, hasMore: true }
      shards.push(shard)
    }
  }
  return { shards, hasMore: false }
}
