import { HASH_KEY_MAX } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { ClosedShard } from '../engine/engine.ts'
import { evenStream, openShards } from '../testing/even-stream.ts'
import { beginDeletion, refsToDrop } from './delete.ts'
import { divideKeySpace } from './key-range.ts'
import { beginScale, closingParents, commitReshard } from './reshard.ts'
import { planScale, type ScaledShard } from './scale.ts'
import { shardsOf, type Stream } from './stream.ts'

const NOW_MS = 1_700_000_000_500
const FIRST_REF = 1_000

const evenShards = (count: number): readonly ScaledShard[] =>
  divideKeySpace(count).map((range, number) => ({ number, range }))

const newStream = (shards: number): Stream => evenStream(shards, NOW_MS)

function expectPartition(stream: Stream): void {
  let next = 0n
  for (const { range } of openShards(stream)) {
    expect(range.start).toBe(next)
    next = range.end + 1n
  }
  expect(next).toBe(HASH_KEY_MAX + 1n)
}

/** Takes every round, a tenth of a second after the other; holds the invariants after each. */
function scale(stream: Stream, target: number): Stream {
  let now = beginScale(stream, target, FIRST_REF, NOW_MS).stream
  for (let round = 1; now.change !== undefined; round++) {
    const closed = closingParents(now).map((): ClosedShard => ({
      end: { commit: round, index: 0 },
      closedAtMs: NOW_MS + round * 100,
    }))
    now = commitReshard(now, closed)
    expectPartition(now)
    expect(now.openShards).toBe(openShards(now).length)
  }
  return now
}

/** A stream whose shards are anything that splits and merges can make. */
const unevenShards = fc
  .uniqueArray(fc.bigInt({ min: 2n, max: HASH_KEY_MAX - 2n }), { minLength: 0, maxLength: 20 })
  .map((cuts) => {
    // A shard has at least two keys.
    const starts = [0n, ...cuts.sort((a, b) => (a < b ? -1 : 1))].filter(
      (cut, i, all) => i === 0 || cut > (all[i - 1] ?? 0n) + 1n,
    )
    return starts.map((start, number) => ({
      number,
      range: { start, end: (starts[number + 1] ?? HASH_KEY_MAX + 1n) - 1n },
    }))
  })

describe('a plan', () => {
  it('has the ids that production gave for 4 to 3', () => {
    const steps = planScale(evenShards(4), 3, 4).map(({ parents, children }) => [
      parents,
      children.map(({ number }) => number),
    ])
    expect(steps).toEqual([
      [[1], [4, 5]],
      [[0, 4], [6]],
      [[2], [7, 8]],
      [[5, 7], [9]],
      [[8, 3], [10]],
    ])
  })

  // KINESIS.md §12: listed afterwards, those opened on the way included.
  it.each([
    [2, 4, 6],
    [4, 2, 6],
    [4, 5, 15],
    [4, 3, 11],
    [3, 6, 9],
    [6, 3, 9],
  ])('from %i to %i shards leaves %i listed', (from, to, listed) => {
    const children = planScale(evenShards(from), to, from).flatMap((step) => step.children)
    expect(from + children.length).toBe(listed)
  })

  it('to as many even shards as there are has no step', () => {
    for (const count of [1, 2, 7, 100]) expect(planScale(evenShards(count), count, count)).toEqual([])
  })
})

describe('a scaling', () => {
  it('ends with equal shards, from any there were, and partitions the key space after every round', () => {
    fc.assert(
      fc.property(unevenShards, fc.integer({ min: 1, max: 40 }), (shards, target) => {
        const base = newStream(1)
        const stream: Stream = {
          ...base,
          nextShard: shards.length,
          openShards: shards.length,
          pages: new Map([
            [
              0,
              shards.map(({ number, range }) => ({ number, range, ref: number + 1, birthS: base.bornS, parents: [] })),
            ],
          ]),
        }
        const after = openShards(scale(stream, target)).map(({ range }) => range.start)
        const tolerance = 65_536n
        expect(after).toHaveLength(target)
        for (const [i, { start }] of divideKeySpace(target).entries()) {
          const off = (after[i] ?? 0n) - start
          expect(off <= tolerance && off >= -tolerance).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('of many shards goes in rounds, numbers them as planned and bears children after their parents', () => {
    const after = scale(newStream(300), 500)
    expect(after).toMatchObject({ status: 'ACTIVE', openShards: 500 })
    const shards = new Map([...shardsOf(after)].map((shard) => [shard.number, shard]))
    expect(shards.size).toBe(after.nextShard)
    for (const shard of shards.values()) {
      if (shard.number >= 300) expect(shard.ref).toBe(FIRST_REF + shard.number - 300)
      for (const parent of shard.parents) expect(shard.birthS).toBeGreaterThan(shards.get(parent)?.birthS ?? Infinity)
    }
  })

  it('of many shards bears none of them further ahead of the clock than its parents have ancestors', () => {
    const before = newStream(1000)
    const levels = planScale(openShards(before), 1300, 1000).map(({ level }) => level)
    const births = [...shardsOf(scale(before, 1300))].map((shard) => shard.birthS)
    // Rounds take a tenth of a second each.
    const tookS = Math.ceil(levels.length / 64 + 3) / 10
    expect(Math.max(...births) - NOW_MS / 1000).toBeLessThanOrEqual(tookS + Math.max(...levels))
  })

  it('splits nothing to halve even shards, however often they were halved before', () => {
    const counts = [1000, 500, 250, 125]
    const after = counts.slice(1).reduce(scale, newStream(1000))
    expect(after.nextShard).toBe(counts.reduce((sum, count) => sum + count))
  })

  it('that is interrupted by a deletion leaves no ref behind', () => {
    const { stream, refs } = beginScale(newStream(4), 5, FIRST_REF, NOW_MS)
    const dropped = refsToDrop(beginDeletion(stream, NOW_MS))
    expect(dropped).toEqual([1, 2, 3, 4, ...Array.from({ length: refs }, (_, i) => FIRST_REF + i)])
  })
})
