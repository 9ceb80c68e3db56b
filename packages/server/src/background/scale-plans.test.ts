import { describe, expect, it } from 'vitest'

import { beginScale, closingParents, commitReshard } from '../streams/reshard.ts'
import { type ScalePlan, STEPS_PER_ROUND } from '../streams/scale.ts'
import type { Shard } from '../streams/shard.ts'
import { SHARDS_PER_PAGE, type Stream } from '../streams/stream.ts'
import { evenStream } from '../testing/even-stream.ts'
import { ScalePlans } from './scale-plans.ts'

const NOW_MS = 1_700_000_000_500
/** At most two parents a step, each looked up when it is closed and when its children are planned. */
const LOOKUPS_PER_ROUND_MAX = STEPS_PER_ROUND * 2 * 4

/** Counts the shards that are looked through: all of them, or those of the page in which one is sought. */
class CountedPages extends Map<number, readonly Shard[]> {
  looked = 0

  override get(page: number): readonly Shard[] | undefined {
    this.looked += SHARDS_PER_PAGE
    return super.get(page)
  }

  override values(): MapIterator<readonly Shard[]> {
    this.looked += this.size * SHARDS_PER_PAGE
    return super.values()
  }
}

describe('the plan of a scaling', () => {
  it.each([
    [20_000, 10_000],
    [3_000, 2_999],
  ])('is made once, and all else of a round is bounded: %i to %i shards', (shards, target) => {
    const { planOf } = new ScalePlans()
    const plans = new Set<ScalePlan>()
    let now: Stream = beginScale(evenStream(shards, NOW_MS), target, shards + 1, NOW_MS).stream
    let rounds = 0
    for (; now.change !== undefined; rounds++) {
      const pages = new CountedPages(now.pages)
      const counted = { ...now, pages }
      const closed = closingParents(counted).map(() => ({
        end: { commit: rounds, index: 0 },
        closedAtMs: NOW_MS + rounds,
      }))
      now = commitReshard(counted, closed, (stream, scaling) => {
        const plan = planOf(stream, scaling)
        plans.add(plan)
        return plan
      })
      expect(pages.looked).toBeLessThanOrEqual(LOOKUPS_PER_ROUND_MAX * SHARDS_PER_PAGE)
    }
    expect(now.openShards).toBe(target)
    expect(rounds).toBeGreaterThan(target / STEPS_PER_ROUND)
    expect(plans.size).toBe(1)
  })

  it('is another for another scaling of the stream, and for a stream made anew', () => {
    const plans = new ScalePlans()
    const stream = evenStream(4, NOW_MS)
    const plan = plans.planOf(stream, { target: 8, firstShard: 4 })
    expect(plans.planOf(stream, { target: 8, firstShard: 4 })).toBe(plan)
    expect(plans.planOf(stream, { target: 6, firstShard: 4 })).not.toBe(plan)
    const again = plans.planOf(stream, { target: 8, firstShard: 4 })
    expect(plans.planOf({ ...stream, bornS: stream.bornS + 1 }, { target: 8, firstShard: 4 })).not.toBe(again)
    expect(plans.size).toBe(1)
    plans.forget(stream)
    expect(plans.size).toBe(0)
  })
})
