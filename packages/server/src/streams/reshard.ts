/**
 * Splitting and merging as three steps, each a function from one stream to the next: *intent* (the stream is
 * UPDATING and its children are numbered), *close* (the engine's part: no append to the parents can succeed any
 * more), *commit* (parents closed, children open, in one change). A crash between two steps is finished by whoever
 * comes next: all that the later steps need is in the intent and in the engine's answer.
 *
 * Invariants: the open shards partition the key space before and after; every record of a child has a number above
 * every record of its parents, because the child's birth is strictly later and stands at the top of the number.
 */
import { assert } from '@millrace/std'

import type { ClosedShard, ShardRef } from '../engine/engine.ts'
import { canCut, cut, join, meet } from './key-range.ts'
import { type PlanOf, ScalePlan, type ScaleStep } from './scale.ts'
import { closingSecond, type HashKeyRange, type Shard } from './shard.ts'
import { findShard, replaceShards, type ShardScaling, type Stream } from './stream.ts'

/** One split or merge: the shards that close, and the ranges of those that open. */
export interface ReshardStep {
  readonly parents: readonly Shard[]
  readonly ranges: readonly HashKeyRange[]
}

/** How many children a change makes, so how many refs to set aside. */
export const SPLIT_CHILDREN = 2
export const MERGE_CHILDREN = 1

/** The split of `parent` whose upper child starts at `at`. */
export function splitStep(parent: Shard, at: bigint): ReshardStep {
  assert(canCut(parent.range, at), `shard ${parent.number} cannot be cut at ${at}`)
  return { parents: [parent], ranges: cut(parent.range, at) }
}

/** The merge of two neighbours into one child. */
export function mergeStep(lower: Shard, upper: Shard): ReshardStep {
  assert(meet(lower.range, upper.range), `shards ${lower.number} and ${upper.number} do not meet`)
  return { parents: [lower, upper], ranges: [join(lower.range, upper.range)] }
}

/** The intent to split `parent` so that the upper child starts at `at`. Children take the next two ids, lower first. */
export function beginSplit(stream: Stream, parent: Shard, at: bigint, firstRef: ShardRef, nowMs: number): Stream {
  return beginReshard(stream, [splitStep(parent, at)], firstRef, nowMs).stream
}

/** The intent to merge two neighbours into one child. */
export function beginMerge(stream: Stream, lower: Shard, upper: Shard, firstRef: ShardRef, nowMs: number): Stream {
  return beginReshard(stream, [mergeStep(lower, upper)], firstRef, nowMs).stream
}

/**
 * The intent to take steps at once, and how many refs that takes. No shard is in two of them, and there are at most
 * STEPS_PER_ROUND.
 */
export function beginReshard(
  stream: Stream,
  steps: readonly ReshardStep[],
  firstRef: ShardRef,
  nowMs: number,
): { readonly stream: Stream; readonly refs: number } {
  assert(stream.change === undefined, `stream ${stream.name} is already changing`)
  const parents = steps.flatMap((step) => step.parents)
  for (const parent of parents) assert(parent.closed === undefined, `shard ${parent.number} is closed`)
  const children = steps
    .flatMap((step) => step.ranges.map((range) => ({ range, parents: step.parents.map((parent) => parent.number) })))
    .map((child, i) => ({ number: stream.nextShard + i, ref: firstRef + i, ...child }))
  const begun: Stream = {
    ...stream,
    status: 'UPDATING',
    nextShard: stream.nextShard + children.length,
    change: { kind: 'reshard', sinceMs: nowMs, parents: parents.map((parent) => parent.number), children },
  }
  return { stream: begun, refs: children.length }
}

/**
 * The intent to split and merge until there are `target` equal shards, and how many refs that takes. The steps that
 * can be taken at once make a round, which is a reshard like any other; its commit begins the next round.
 */
export function beginScale(
  stream: Stream,
  target: number,
  firstRef: ShardRef,
  nowMs: number,
): { readonly stream: Stream; readonly refs: number } {
  assert(stream.change === undefined, `stream ${stream.name} is already changing`)
  const firstShard = stream.nextShard
  const plan = new ScalePlan(stream, { target, firstShard })
  const { shards } = plan
  const scaling = { target, firstShard, firstRef, shards }
  const begun = beginRound({ ...stream, nextShard: firstShard + shards }, scaling, plan.roundAfter(), nowMs)
  return { stream: begun, refs: shards }
}

/** The stream in the next round of its scaling; as it is, and active, when there is none. */
function beginRound(stream: Stream, scaling: ShardScaling, steps: readonly ScaleStep[], sinceMs: number): Stream {
  if (steps.length === 0) return { ...stream, status: 'ACTIVE' }
  const children = (step: ScaleStep) =>
    step.children.map(({ number, range }) => ({
      number,
      ref: scaling.firstRef + number - scaling.firstShard,
      range,
      parents: step.parents,
    }))
  return {
    ...stream,
    status: 'UPDATING',
    change: {
      kind: 'reshard',
      sinceMs,
      parents: steps.flatMap((step) => step.parents),
      children: steps.flatMap(children),
      scaling,
    },
  }
}

/** The shards that the change in progress will close. */
export function closingParents(stream: Stream): readonly Shard[] {
  if (stream.change?.kind !== 'reshard') return []
  return stream.change.parents.map((number) => {
    const parent = findShard(stream, number)
    assert(parent !== undefined, `shard ${number} of stream ${stream.name} vanished while it was closing`)
    return parent
  })
}

/** The earliest second at which the children can be born: after the parents' own, whatever the clock says. */
export function earliestBirthS(stream: Stream, nowMs: number): number {
  return closingParents(stream).reduce((last, parent) => Math.max(last, parent.birthS), Math.floor(nowMs / 1000)) + 1
}

/**
 * The children that the change in progress will open, given how the engine closed the parents (in their order).
 * Both are born one second after the parents' end, as on AWS.
 */
export function plannedChildren(stream: Stream, closed: readonly ClosedShard[]): readonly Shard[] {
  if (stream.change?.kind !== 'reshard') return []
  const { parents, children } = stream.change
  const birthS = closeParents(stream, closed).reduce((last, parent) => Math.max(last, endSecond(parent)), 0) + 1
  return children.map((child) => ({ ...child, birthS, parents: child.parents ?? parents }))
}

/**
 * The stream with its parents closed and its children open, in no change, or in the next round of its scaling, as
 * `planOf` has it. Default: planned anew.
 */
export function commitReshard(
  stream: Stream,
  closed: readonly ClosedShard[],
  planOf: PlanOf = (scaled, scaling) => new ScalePlan(scaled, scaling),
): Stream {
  const parents = closeParents(stream, closed)
  const children = plannedChildren(stream, closed)
  const { change, ...rest } = stream
  const committed: Stream = {
    ...rest,
    status: 'ACTIVE',
    openShards: stream.openShards - parents.length + children.length,
    pages: replaceShards(stream.pages, [...parents, ...children]),
  }
  if (change?.kind !== 'reshard' || change.scaling === undefined) return committed
  const round = planOf(committed, change.scaling).roundAfter(change.children.at(-1)?.number)
  return beginRound(committed, change.scaling, round, change.sinceMs)
}

/** All end in the same moment, the last one's: none of their key ranges is without a shard in between. */
function closeParents(stream: Stream, closed: readonly ClosedShard[]): readonly Shard[] {
  const atMs = closed.reduce((last, { closedAtMs }) => Math.max(last, closedAtMs), 0)
  return closingParents(stream).map((parent, i) => {
    const answer = closed[i]
    assert(answer !== undefined, `shard ${parent.number} of stream ${stream.name} was not closed`)
    return { ...parent, closed: { end: answer.end, atMs } }
  })
}

function endSecond(parent: Shard): number {
  return parent.closed === undefined ? parent.birthS : closingSecond(parent, parent.closed)
}
