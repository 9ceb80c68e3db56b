import { describe, expect, it } from 'vitest'

import type { Shard } from './shard.ts'
import { type ShardFilter, shardPasses } from './shard-filter.ts'

// Horizon at 100 s. 0: expired · 1: closed at 150 s · 2: closed at 300 s · 3 and 4: open, from 151 s and 301 s on.
const HORIZON_MS = 100_000

function shard(number: number, birthS: number, closedS?: number, parents: readonly number[] = []): Shard {
  const range = { start: 0n, end: 1n }
  const open: Shard = { number, ref: number + 1, range, birthS, parents }
  return closedS === undefined ? open : { ...open, closed: { end: { commit: 1, index: 0 }, atMs: closedS * 1000 } }
}

const stream = { createdMs: 10_500 }
const shards = [
  shard(0, 10, 99),
  shard(1, 10, 150),
  shard(2, 20, 300, [9]),
  shard(3, 151, undefined, [1]),
  shard(4, 301, undefined, [2]),
]

describe('a shard filter', () => {
  it.each<[ShardFilter, readonly number[]]>([
    [{ type: 'FROM_TRIM_HORIZON' }, [1, 2, 3, 4]],
    [{ type: 'AT_TRIM_HORIZON' }, [1, 2]],
    [{ type: 'AT_LATEST' }, [3, 4]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 150_000 }, [1, 2]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 151_000 }, [2, 3]],
    [{ type: 'AT_TIMESTAMP', timestampMs: 5_000 }, []],
    [{ type: 'FROM_TIMESTAMP', timestampMs: 151_000 }, [2, 3, 4]],
    [{ type: 'FROM_TIMESTAMP', timestampMs: 0 }, [1, 2, 3, 4]],
    [{ type: 'AFTER_SHARD_ID', shard: 2 }, [3, 4]],
  ])('%o passes shards %j', (filter, expected) => {
    const passing = shards.filter((candidate) => shardPasses(stream, candidate, filter, HORIZON_MS))
    expect(passing.map(({ number }) => number)).toEqual(expected)
  })
})
