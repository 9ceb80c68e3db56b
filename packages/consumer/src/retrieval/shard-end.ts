/**
 * The end of a shard as an answer tells it: no way to go on, and children. One without the other is no end: the KCL
 * asks again for ever (CLIENTS.md §1.7); here the list of shards decides, which also serves services that name no children.
 */
import type { ChildShard, Shard } from '@millrace/protocol'
import type { StreamService } from '../service.ts'
import { ReadTrouble } from './read-failure.ts'
import { inputOf, type StreamToRead } from './shard-reader.ts'

/** Each child says whose it is. */
export function isFamily(children: readonly ChildShard[]): boolean {
  return children.length > 0 && children.every(({ ParentShards = [] }) => ParentShards.length > 0)
}

/** The children that the stream's list knows of. Rejects with a `ReadTrouble` when there are none, and with the call's errors. */
export async function listChildren(
  service: StreamService,
  shard: StreamToRead & { readonly shardId: string },
  signal: AbortSignal,
): Promise<readonly ChildShard[]> {
  const { stream, shardId } = shard
  const children: ChildShard[] = []
  // Children come after their parents: ids grow.
  let input: Parameters<StreamService['listShards']>[0] = { ...inputOf(shard), ExclusiveStartShardId: shardId }
  for (;;) {
    const { Shards = [], NextToken } = await service.listShards(input, { signal })
    for (const listed of Shards) {
      const parents = parentsOf(listed)
      if (parents.includes(shardId))
        children.push({ ShardId: listed.ShardId, ParentShards: parents, HashKeyRange: listed.HashKeyRange })
    }
    if (NextToken === undefined) break
    input = { NextToken }
  }
  if (children.length > 0) return children
  throw new ReadTrouble(
    `Expected of ${shardId} of ${stream} a place to go on from, or children; found neither, and no child in the list of shards.`,
  )
}

function parentsOf({ ParentShardId, AdjacentParentShardId }: Shard): readonly string[] {
  return [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined)
}
