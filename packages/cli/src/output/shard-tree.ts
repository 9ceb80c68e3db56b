/** The lineage of a stream's shards as a tree for the eye: each shard under its first parent, as far as that is listed. */
import type { Shard } from '@millrace/protocol'

export interface ShardRow {
  readonly shard: Shard
  /** Its id behind the branch that it hangs on. */
  readonly label: string
}

/** Every shard once, each behind its first parent and what came of its older siblings. */
export function shardTree(shards: readonly Shard[]): readonly ShardRow[] {
  const listed = new Set(shards.map(({ ShardId }) => ShardId))
  const children = new Map<string, Shard[]>()
  const roots: Shard[] = []
  for (const shard of shards) {
    const parent = shard.ParentShardId
    if (parent === undefined || !listed.has(parent)) roots.push(shard)
    else children.set(parent, [...(children.get(parent) ?? []), shard])
  }
  const rows: ShardRow[] = []
  // Without recursion: a shard may have thousands of ancestors.
  const waiting = roots.map((shard) => ({ shard, label: shard.ShardId, below: '' })).reverse()
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { shard, label, below } = next
    rows.push({ shard, label })
    const ofIt = children.get(shard.ShardId) ?? []
    for (const [i, child] of [...ofIt.entries()].reverse()) {
      const isLast = i === ofIt.length - 1
      waiting.push({
        shard: child,
        label: `${below}${isLast ? '└─' : '├─'}${child.ShardId}`,
        below: `${below}${isLast ? '  ' : '│ '}`,
      })
    }
  }
  return rows
}
