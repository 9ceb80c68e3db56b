import { shardIdOf, SplitShard } from '@millrace/protocol'

import { canCut } from '../streams/key-range.ts'
import { beginSplit, SPLIT_CHILDREN } from '../streams/reshard.ts'
import { alreadyResharded, invalidArgument, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertShardQuota } from './quotas.ts'
import { settle } from './settle.ts'
import { assertActive, assertProvisioned, getShard, shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** Closes a shard and opens two that share its keys, the upper one from `NewStartingHashKey` on. */
export const splitShard = handle(SplitShard, async (input, service, context) => {
  const key = streamKeyOf(input, SplitShard.name, context)
  const number = shardNumberOf(input.ShardToSplit, key)
  const at = BigInt(input.NewStartingHashKey)
  await service.catalog.change(key, context.deadlineMs, (stream, firstRef) => {
    if (stream === undefined) throw streamNotFound(key)
    assertProvisioned(stream)
    assertActive(stream)
    const shard = getShard(stream, number)
    assertShardQuota(SPLIT_CHILDREN - 1, service, context)
    if (shard.closed !== undefined) throw alreadyResharded(shard, stream)
    if (!canCut(shard.range, at)) {
      throw invalidArgument(
        `NewStartingHashKey ${at} used in SplitShard() on shard ${shardIdOf(number)} in stream ${key.name} under ` +
          `account ${key.account} is not both greater than one plus the shard's StartingHashKey ` +
          `${shard.range.start} and less than the shard's EndingHashKey ${shard.range.end}.`,
      )
    }
    return { stream: beginSplit(stream, shard, at, firstRef, service.clock.now()), refs: SPLIT_CHILDREN }
  })
  await settle(key, service, context)
})
