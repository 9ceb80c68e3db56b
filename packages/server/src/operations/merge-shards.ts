import { MergeShards, shardIdOf } from '@millrace/protocol'

import { meet } from '../streams/key-range.ts'
import { beginMerge, MERGE_CHILDREN } from '../streams/reshard.ts'
import { alreadyResharded, invalidArgument, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { settle } from './settle.ts'
import { assertActive, assertProvisioned, getShard, shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** Closes two neighbours, the lower one named first, and opens one shard with the keys of both. */
export const mergeShards = handle(MergeShards, async (input, service, context) => {
  const key = streamKeyOf(input, MergeShards.name, context)
  const lowerNumber = shardNumberOf(input.ShardToMerge, key)
  const upperNumber = shardNumberOf(input.AdjacentShardToMerge, key)
  await service.catalog.change(key, context.deadlineMs, (stream, firstRef) => {
    if (stream === undefined) throw streamNotFound(key)
    assertProvisioned(stream)
    assertActive(stream)
    const lower = getShard(stream, lowerNumber)
    const upper = getShard(stream, upperNumber)
    for (const shard of [lower, upper]) if (shard.closed !== undefined) throw alreadyResharded(shard, stream)
    if (!meet(lower.range, upper.range)) {
      throw invalidArgument(
        `Shards ${shardIdOf(lowerNumber)} and ${shardIdOf(upperNumber)} in stream ${key.name} under account ` +
          `${key.account} are not an adjacent pair of shards eligible for merging`,
      )
    }
    return { stream: beginMerge(stream, lower, upper, firstRef, service.clock.now()), refs: MERGE_CHILDREN }
  })
  await settle(key, service, context)
})
