import { describe, expect, it } from 'vitest'

import type { Shard } from './shard.ts'
import { type ShardFilter, shardPasses } from './shard-filter.ts'
import { paginate } from './stream.ts'

// Horizon at 100 s. 0: expired · 1: closed at 150 s · 2: closed at 300 s · 3 and 4: open, from 151 s and 301 s on.
const HORIZON_MS = 100_000

function shard(number: number, birthS: number, closedS?: number, parents: readonly number[] = []): Shard {
  const range = { start: 0n, end: 1n }
  const open: Shard = { number, ref: number + 1, range, birthS, parents }
  return closedS === undefined ? open : { ...open, closed: { end: { commit: 1, index: 0 }, atMs: closedS * 1000 } }
}

const shards = [
  shard(0, 10, 99),
  shard(1, 10, 150),
  shard(2, 20, 300, [9]),
  shard(3, 151, undefined, [1]),
  shard(4, 301, undefined, [2]),
]
const stream = { createdMs: 10_500, pages: paginate(shards) }

describe('a shard filter', () => {
  it.each<[ShardFilter, readonly number[]]>([
    [{ type: 'FROM_TRIM_HORIZON' }, [1, 2, 3, 4]],
    [{ type: 'AT_TRIM_HORIZON' }, [1, 2]],
    [{ type: 'AT_LATEST' }, [3, 4]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 150_000 }, [1, 2]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 150_001 }, [2, 3]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 151_000 }, [2, 3]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 5_000 }, []],
    [{ type: 'FROM_TIMESTAMP', timestampMs: 151_000 }, [2, 3, 4]],
    [{ type: 'FROM_TIMESTAMP', timestampMs: 0 }, [1, 2, 3, 4]],
    [{ type: 'AFTER_SHARD_ID', shard: 2 }, [3, 4]],
  ])('%o passes shards %j', (filter, expected) => {
    const passing = shards.filter((candidate) => shardPasses(stream, candidate, filter, HORIZON_MS))
    expect(passing.map(({ number }) => number)).toEqual(expected)
  })

  it('of a time leaves the whole key space, once, whatever was split and merged when', () => {
    // Split at 20.4 s; the lower half again in the same second, before it was born; at 20.9 s two are merged again.
    const history = paginate([
      ranged(shard(0, 10, 20.4), 0, 99),
      ranged(shard(1, 21, 20.4, [0]), 0, 49),
      ranged(shard(2, 21, 20.9, [0]), 50, 99),
      ranged(shard(3, 22, undefined, [1]), 0, 24),
      ranged(shard(4, 22, 20.9, [1]), 25, 49),
      ranged(shard(5, 23, undefined, [4, 2]), 25, 99),
    ])
    const young = { createdMs: 10_500, pages: history }
    for (let timestampMs = 10_500; timestampMs < 25_000; timestampMs += 100) {
      const open = [...history.values()]
        .flat()
        .filter((candidate) => shardPasses(young, candidate, { type: 'AT_TIMESTAMP', timestampMs }, 0))
        .map(({ range }) => range)
        .sort((a, b) => Number(a.start - b.start))
      const ends = open.map(({ end }) => end)
      expect([timestampMs, open.map(({ start }) => start)]).toEqual([
        timestampMs,
        [0n, ...ends.slice(0, -1).map((end) => end + 1n)],
      ])
      expect(ends.at(-1)).toBe(99n)
    }
  })
})

function ranged(of: Shard, start: number, end: number): Shard {
  return { ...of, range: { start: BigInt(start), end: BigInt(end) } }
}
