import { HASH_KEY_MAX } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { ClosedShard } from '../engine/engine.ts'
import { evenStream, openShards } from '../testing/even-stream.ts'
import { canCut, meet } from './key-range.ts'
import { beginMerge, beginSplit, closingParents, commitReshard, earliestBirthS, plannedChildren } from './reshard.ts'
import { RoutingTable } from './routing.ts'
import type { Shard } from './shard.ts'
import { findShard, shardsOf, type Stream } from './stream.ts'

const NOW_MS = 1_700_000_000_500

const newStream = (shards: number): Stream => evenStream(shards, NOW_MS)

/** Takes a begun reshard to its end, the engine closing every parent at `closedAtMs`. */
function finish(begun: Stream, closedAtMs: number): Stream {
  const closed = closingParents(begun).map((): ClosedShard => ({ end: { commit: 5, index: 1 }, closedAtMs }))
  return commitReshard(begun, closed)
}

const shardOf = (stream: Stream, number: number): Shard => {
  const shard = findShard(stream, number)
  if (shard === undefined) throw new Error(`no shard ${number}`)
  return shard
}

describe('a split', () => {
  const before = newStream(1)
  const begun = beginSplit(before, shardOf(before, 0), 1000n, 2, NOW_MS)
  const after = finish(begun, NOW_MS + 3000)

  it('leaves the shards alone until it commits', () => {
    expect(begun.status).toBe('UPDATING')
    expect(begun.pages).toBe(before.pages)
    expect(before.status).toBe('ACTIVE')
  })

  it('opens two children that meet at the new starting hash key, lower first', () => {
    expect(openShards(after)).toMatchObject([
      { number: 1, ref: 2, range: { start: 0n, end: 999n }, parents: [0] },
      { number: 2, ref: 3, range: { start: 1000n, end: HASH_KEY_MAX }, parents: [0] },
    ])
    expect(after).toMatchObject({ status: 'ACTIVE', openShards: 2, nextShard: 3 })
    expect(after.change).toBeUndefined()
  })

  it('closes the parent where the engine did, and its children are born one second later', () => {
    expect(shardOf(after, 0).closed).toEqual({ end: { commit: 5, index: 1 }, atMs: NOW_MS + 3000 })
    expect(openShards(after).map((child) => child.birthS)).toEqual([1_700_000_004, 1_700_000_004])
  })

  it('bears children after their parent even if the clock stepped back an hour', () => {
    const late = finish(begun, NOW_MS - 3_600_000)
    expect(openShards(late).map((child) => child.birthS)).toEqual([1_700_000_001, 1_700_000_001])
    expect(earliestBirthS(begun, NOW_MS - 3_600_000)).toBe(1_700_000_001)
  })

  it('refuses a hash key at which one child would be nearly empty: a mistake of the caller', () => {
    expect(() => beginSplit(before, shardOf(before, 0), 1n, 2, NOW_MS)).toThrow('cannot be cut')
  })
})

describe('a merge', () => {
  const before = newStream(2)
  const after = finish(beginMerge(before, shardOf(before, 0), shardOf(before, 1), 3, NOW_MS), NOW_MS)

  it('opens one child with the keys of both, which names the lower parent first', () => {
    expect(openShards(after)).toMatchObject([
      { number: 2, ref: 3, range: { start: 0n, end: HASH_KEY_MAX }, parents: [0, 1] },
    ])
    expect(after.openShards).toBe(1)
  })

  it('needs neighbours in their order', () => {
    expect(() => beginMerge(before, shardOf(before, 1), shardOf(before, 0), 3, NOW_MS)).toThrow('do not meet')
  })
})

describe('any sequence of splits and merges', () => {
  const reshardings = fc.array(
    fc.record({
      split: fc.boolean(),
      pick: fc.nat(),
      at: fc.bigInt({ min: 0n, max: HASH_KEY_MAX }),
      stepMs: fc.integer({ min: -5000, max: 5000 }),
    }),
    { maxLength: 60 },
  )

  it('keeps a partition of the key space, lineage, order of births and numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), reshardings, (shards, steps) => {
        let stream = newStream(shards)
        let ref = 100
        let nowMs = NOW_MS
        for (const { split, pick, at, stepMs } of steps) {
          nowMs += stepMs
          const open = openShards(stream)
          const i = pick % open.length
          const shard = open[i]
          const upper = open[i + 1]
          if (shard === undefined) continue
          let begun: Stream
          if (split) {
            const key = shard.range.start + (at % (shard.range.end - shard.range.start + 1n))
            if (!canCut(shard.range, key)) continue
            begun = beginSplit(stream, shard, key, ref, nowMs)
          } else {
            if (upper === undefined) continue
            begun = beginMerge(stream, shard, upper, ref, nowMs)
          }
          ref += 2
          const children = plannedChildren(
            begun,
            closingParents(begun).map(() => ({ end: { commit: 1, index: 0 }, closedAtMs: nowMs })),
          )
          stream = finish(begun, nowMs)
          for (const child of children) expect(findShard(stream, child.number)).toEqual(child)
        }
        const open = openShards(stream)
        expect(open).toHaveLength(stream.openShards)
        expect(open[0]?.range.start).toBe(0n)
        expect(open.at(-1)?.range.end).toBe(HASH_KEY_MAX)
        for (const [i, shard] of open.entries()) {
          const next = open[i + 1]
          if (next !== undefined) expect(meet(shard.range, next.range)).toBe(true)
        }
        const all = [...shardsOf(stream)]
        expect(all.map((shard) => shard.number)).toEqual(all.map((_, i) => i))
        expect(new Set(all.map((shard) => shard.ref)).size).toBe(all.length)
        for (const shard of all) {
          for (const parent of shard.parents) {
            expect(shard.birthS).toBeGreaterThan(shardOf(stream, parent).birthS)
            expect(shardOf(stream, parent).closed).toBeDefined()
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('routes every key to the one open shard that holds it', () => {
    const hashes = fc.array(fc.bigInt({ min: 0n, max: HASH_KEY_MAX }), { minLength: 1, maxLength: 20 })
    const cuts = fc.array(fc.bigInt({ min: 2n, max: HASH_KEY_MAX - 1n }), { maxLength: 20 })
    fc.assert(
      fc.property(cuts, hashes, (ats, keys) => {
        let stream = newStream(1)
        let ref = 2
        for (const at of ats) {
          const shard = openShards(stream).find(({ range }) => canCut(range, at))
          if (shard === undefined) continue
          stream = finish(beginSplit(stream, shard, at, ref, NOW_MS), NOW_MS)
          ref += 2
        }
        const table = new RoutingTable(openShards(stream))
        // Keys at the cuts themselves are where a search errs.
        for (const key of [...keys, ...ats, ...ats.map((at) => at - 1n), 0n, HASH_KEY_MAX]) {
          const { range } = table.find('ignored', key)
          expect(key >= range.start && key <= range.end).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })
})
