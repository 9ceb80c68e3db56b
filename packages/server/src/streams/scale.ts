/**
 * From the open shards a stream has to any number of equal ones, by splits and merges alone, as UpdateShardCount does
 * it (KINESIS.md §12, "boundary walk"; its ids agree with those that production was seen to give). The plan follows
 * from the shards, the target and the first new number, so nothing of it need be stored: whoever comes next makes the
 * same one, once for all its rounds (ScalePlan).
 *
 * Invariant: after any number of steps, each taken once its parents are open, the open shards partition the key space.
 */
import { assert } from '@millrace/std'

import { canCut, cut, divideKeySpace, join } from './key-range.ts'
import type { HashKeyRange, Shard } from './shard.ts'
import { shardsOf, type ShardScaling, type Stream } from './stream.ts'

/** One split or merge. Its parents are shards that there were before, or children of earlier steps. */
export interface ScaleStep {
  readonly parents: readonly number[]
  readonly children: readonly ScaledShard[]
  /** How many steps stand in the longest line of ancestors that the scaling makes, this one included. */
  readonly level: number
}

export interface ScaledShard {
  readonly number: number
  readonly range: HashKeyRange
}

/** A round stands in the stream's document: some 20 KB of META_VALUE_BYTES_MAX, beside tags and a policy. */
export const STEPS_PER_ROUND = 64
/**
 * Boundaries so near to each other are the same. Rounding moves one by less than the number of shards that there were
 * when it was made, which may have been halved many times since; equal shards have 2^114 keys and more.
 */
const SNAP_KEYS = 65_536n

/** Every split and merge on the way from `open` to `target` shards, in the order in which their children are numbered. */
export function planScale(open: readonly ScaledShard[], target: number, firstNumber: number): readonly ScaleStep[] {
  const shards = open.toSorted((a, b) => (a.range.start < b.range.start ? -1 : 1))
  const boundaries = snappedBoundaries(shards, target)
  const steps: ScaleStep[] = []
  const levels = new Map<number, number>()
  let nextNumber = firstNumber
  const step = (parents: readonly ScaledShard[], ranges: readonly HashKeyRange[]): readonly ScaledShard[] => {
    const children = ranges.map((range) => ({ number: nextNumber++, range }))
    const level = 1 + Math.max(...parents.map((parent) => levels.get(parent.number) ?? 0))
    for (const child of children) levels.set(child.number, level)
    steps.push({ parents: parents.map((parent) => parent.number), children, level })
    return children
  }
  const merge = (lower: ScaledShard | undefined, upper: ScaledShard): ScaledShard => {
    if (lower === undefined) return upper
    const [merged] = step([lower, upper], [join(lower.range, upper.range)])
    assert(merged !== undefined, 'a merge has a child')
    return merged
  }

  let boundary = 0
  /** What lies between the last boundary and the present shard. */
  let carry: ScaledShard | undefined
  for (const shard of shards) {
    let rest = shard
    for (;;) {
      const at = boundaries[boundary]
      if (at === undefined || at > rest.range.end) break
      assert(canCut(rest.range, at), `shard ${rest.number} cannot be cut at ${at}`)
      const [lower, upper] = step([rest], cut(rest.range, at))
      assert(lower !== undefined && upper !== undefined, 'a split has two children')
      merge(carry, lower)
      carry = undefined
      rest = upper
      boundary++
    }
    carry = merge(carry, rest)
    if (boundaries[boundary] !== rest.range.end + 1n) continue
    carry = undefined
    boundary++
  }
  return steps
}

/**
 * Where the new shards meet. Rounding puts a boundary of six shards a few keys beside the same one of three: what lies
 * so near to an existing one is taken for it, or slivers of a few keys would be split off.
 */
function snappedBoundaries(shards: readonly ScaledShard[], target: number): readonly bigint[] {
  const existing = shards.slice(1).map((shard) => shard.range.start)
  let next = 0
  return divideKeySpace(target)
    .slice(1)
    .map(({ start }) => {
      while (next < existing.length && (existing[next] ?? 0n) < start - SNAP_KEYS) next++
      let best: bigint | undefined
      for (let i = next; i < existing.length; i++) {
        const candidate = existing[i] ?? 0n
        if (candidate > start + SNAP_KEYS) break
        if (best === undefined || distance(candidate, start) < distance(best, start)) best = candidate
      }
      return best ?? start
    })
}

function distance(a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b
}

/** The shards that were open when the scaling began: those before its first, but for the ones closed before it. */
export function shardsToScale(stream: Stream, scaling: Pick<ShardScaling, 'firstShard'>): readonly Shard[] {
  const closedByIt = new Set<number>()
  for (const shard of shardsOf(stream))
    if (shard.number >= scaling.firstShard) for (const parent of shard.parents) closedByIt.add(parent)
  return [...shardsOf(stream)].filter(
    (shard) => shard.number < scaling.firstShard && (shard.closed === undefined || closedByIt.has(shard.number)),
  )
}

/**
 * All that a scaling does, in the order in which it is done: level by level, so that parents come before what is made of
 * them. Made once, however many rounds it has: it looks at every shard of the stream.
 */
export class ScalePlan {
  /** How many shards it makes, those that it closes again included. */
  readonly shards: number
  readonly #steps: readonly ScaleStep[]
  /** Where a round goes on, by the last shard that was made. */
  readonly #nextStep = new Map<number, number>()

  constructor(stream: Stream, { target, firstShard }: Pick<ShardScaling, 'target' | 'firstShard'>) {
    const steps = planScale(shardsToScale(stream, { firstShard }), target, firstShard)
    this.shards = steps.reduce((sum, step) => sum + step.children.length, 0)
    this.#steps = steps.toSorted((a, b) => a.level - b.level)
    for (const [i, step] of this.#steps.entries())
      for (const child of step.children) this.#nextStep.set(child.number, i + 1)
  }

  /**
   * The steps that can be taken once `lastShard` was made (left out: at the start), at most as many as a round has. None:
   * the scaling is done. All are of one level: the children of a round are born together, after all its parents, and
   * births must not run ahead of the clock for it.
   */
  roundAfter(lastShard?: number): readonly ScaleStep[] {
    const from = lastShard === undefined ? 0 : this.#nextStep.get(lastShard)
    assert(from !== undefined, `shard ${lastShard} is none of the scaling`)
    const round = this.#steps.slice(from, from + STEPS_PER_ROUND)
    return round.filter((step) => step.level === round[0]?.level)
  }
}

/** Where the plan of a scaling comes from: `new ScalePlan`, or who remembers it. */
export type PlanOf = (stream: Stream, scaling: Pick<ShardScaling, 'target' | 'firstShard'>) => ScalePlan
