import { type Shard, shardIdOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { shardTree } from './shard-tree.ts'

const shard = (number: number, parent?: number, adjacent?: number): Shard => ({
  ShardId: shardIdOf(number),
  ...(parent === undefined ? {} : { ParentShardId: shardIdOf(parent) }),
  ...(adjacent === undefined ? {} : { AdjacentParentShardId: shardIdOf(adjacent) }),
  HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
  SequenceNumberRange: { StartingSequenceNumber: '0' },
})

const labels = (shards: readonly Shard[]): readonly string[] =>
  shardTree(shards).map(({ label }) => label.replaceAll('shardId-00000000000', ''))

describe('shardTree', () => {
  it('hangs each shard on its first parent, older siblings and what came of them first', () => {
    expect(labels([shard(0), shard(1), shard(2, 0), shard(3, 0), shard(4, 2), shard(5, 2), shard(6, 4, 5)])).toEqual([
      '0',
      '├─2',
      '│ ├─4',
      '│ │ └─6',
      '│ └─5',
      '└─3',
      '1',
    ])
  })

  it('begins where parents have expired, and shows every shard of a long line once', () => {
    expect(labels([shard(7, 3), shard(8, 3), shard(9, 7, 8)])).toEqual(['7', '└─9', '8'])
    const line = Array.from({ length: 5_000 }, (_, i) => (i === 0 ? shard(0) : shard(i, i - 1)))
    expect(shardTree(line)).toHaveLength(5_000)
  })
})
