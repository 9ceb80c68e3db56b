/**
 * How an on-demand stream is scaled: from what was written to its shards in a while, and the peaks that it remembers,
 * to the splits or merges to begin now (docs/decisions/084-on-demand.md).
 *
 * A stream has as many shards as twice the highest traffic of the last thirty days needs, and at least four or what
 * its warm throughput needs. Beyond that, a shard that is more than half busy is split, if that divides its traffic;
 * those splits are remembered like a peak. So under a steady load shards are only ever added, and not for ever, and
 * what is merged is what thirty days did not ask for.
 */
import type { ShardRef } from '../engine/engine.ts'
import { canCut, meet } from './key-range.ts'
import { mergeStep, type ReshardStep, splitStep } from './reshard.ts'
import { STEPS_PER_ROUND } from './scale.ts'
import type { Shard } from './shard.ts'
import { type OnDemand, openShardsOf, type Stream } from './stream.ts'
import type { ShardWrites } from './write-traffic.ts'

/** AWS: an on-demand stream starts with 4 MB/s. */
export const ON_DEMAND_SHARDS_MIN = 4
/** AWS: capacity follows the peak of the last 30 days. */
export const PEAK_DAYS = 30
/** AWS: capacity is twice the peak. */
const HEADROOM = 2
/** AWS: a shard is split at about 500 KB/s, half of what it can take. */
const LOAD_TO_SPLIT = 0.5
/** Together at most so busy, at the peak, are two shards that are merged: less than what would split them again. */
const LOAD_TO_MERGE = 0.4
/** A sample of fewer keys says nothing. */
const KEYS_TO_JUDGE = 8
/** Either side of the middle has this share of a shard's traffic: then it is cut there, so that ranges stay even. */
const SHARE_AT_MIDDLE = 1 / 4
/** Either side of a cut has this share at least, or the cut would leave one shard as busy as before. */
const SHARE_AT_CUT = 1 / 8
const DAY_MS = 86_400_000
const BYTES_PER_MIB = 1024 * 1024

/** What one shard takes in per second. */
export interface ShardCapacity {
  readonly bytes: number
  readonly records: number
}

/** What was written to a stream's shards, in `seconds`. */
export interface Traffic {
  readonly seconds: number
  readonly writes: ReadonlyMap<ShardRef, ShardWrites>
}

export interface Scope {
  readonly capacity: ShardCapacity
  /** Ms since the epoch, by the clock that records expire by. */
  readonly nowMs: number
  /** Below this there is no merge, and up to it splits whatever the traffic is. */
  readonly shardsMin: number
  /** Traffic alone splits up to here. */
  readonly shardsMax: number
  /** How many more shards the account's quota allows. Not asked for when nothing is to be split. */
  readonly room: () => number
}

export interface Scaling {
  /** As it was, when there is nothing new to remember. */
  readonly onDemand: OnDemand
  /** No shard is in two of them. All split, or all merge. */
  readonly steps: readonly ReshardStep[]
}

/** How many shards a stream has at least that is to be ready for `warmMiBps`. */
export function shardsForWarmThroughput(warmMiBps: number, { bytes }: ShardCapacity): number {
  return Math.max(ON_DEMAND_SHARDS_MIN, Math.ceil((warmMiBps * BYTES_PER_MIB) / bytes))
}

/** A stream that turns on-demand with the shards it has: they count as asked for today. */
export function beginOnDemand(
  openShards: number,
  nowMs: number,
  settings: Pick<OnDemand, 'warmMiBps' | 'distribution'>,
): OnDemand {
  return rememberPeak({ ...settings, peaks: [] }, openShards, nowMs)
}

/** What to begin now, and what to remember in any case. Nothing is begun while the stream is changing. */
export function scaleOnDemand(stream: Stream, onDemand: OnDemand, traffic: Traffic, scope: Scope): Scaling {
  // With no traffic at all, a stream with as many shards as are wanted needs no look at them.
  const { shardsMin, nowMs } = scope
  if (traffic.writes.size === 0 && stream.openShards === Math.max(shardsMin, peakOf(onDemand, nowMs)))
    return { onDemand, steps: [] }
  const open = [...openShardsOf(stream)].sort((a, b) => (a.range.start < b.range.start ? -1 : 1))
  const loads = new Map(open.map((shard) => [shard, loadOf(traffic.writes.get(shard.ref), traffic, scope)]))
  const total = [...loads.values()].reduce((sum, load) => sum + load, 0)
  const growthMax = Math.max(scope.shardsMin, scope.shardsMax) - open.length
  const mayChange = stream.status === 'ACTIVE'
  const hot = mayChange ? splitsOfHot(loads, onDemand, traffic).slice(0, roundOf(growthMax)) : []
  const asked = Math.max(Math.ceil(total * HEADROOM), hot.length === 0 ? 0 : open.length + hot.length)
  const remembered = rememberPeak(onDemand, Math.min(asked, scope.shardsMax), scope.nowMs)
  const wanted = Math.max(scope.shardsMin, peakOf(remembered, scope.nowMs))
  if (!mayChange) return { onDemand: remembered, steps: [] }
  const missing = roundOf(Math.min(wanted - open.length, growthMax)) - hot.length
  const splits = missing > 0 ? [...hot, ...splitsOfLargest(open, hot, missing)] : hot
  if (splits.length > 0) return { onDemand: remembered, steps: splits.slice(0, roundOf(scope.room())) }
  // Between peaks all are cold: what counts is what they will be like.
  const growthToPeak = total === 0 ? 1 : Math.max(1, peakOf(remembered, scope.nowMs) / HEADROOM / total)
  const loadMax = LOAD_TO_MERGE / growthToPeak
  return { onDemand: remembered, steps: mergesOfCold(open, loads, loadMax, roundOf(open.length - wanted)) }
}

/** The splits with which a stream begins to have `shardsMin` shards, whatever its traffic is. */
export function splitsTowards(stream: Stream, shardsMin: number): readonly ReshardStep[] {
  const open = [...openShardsOf(stream)]
  return splitsOfLargest(open, [], roundOf(shardsMin - open.length))
}

function roundOf(steps: number): number {
  return Math.max(0, Math.min(STEPS_PER_ROUND, steps))
}

/** 1: all that the shard can take. */
function loadOf(writes: ShardWrites | undefined, { seconds }: Traffic, { capacity }: Scope): number {
  if (writes === undefined) return 0
  return Math.max(writes.bytes / capacity.bytes, writes.records / capacity.records) / seconds
}

/** The highest peak of the last days. */
function peakOf({ peaks }: OnDemand, nowMs: number): number {
  const today = Math.floor(nowMs / DAY_MS)
  return peaks.reduce((most, { day, shards }) => (isRecent(day, today) ? Math.max(most, shards) : most), 0)
}

/** Writes a peak down only when it is the day's highest, and more than every stream has: so documents change rarely. */
function rememberPeak(onDemand: OnDemand, shards: number, nowMs: number): OnDemand {
  const today = Math.floor(nowMs / DAY_MS)
  const known = onDemand.peaks.find(({ day }) => day === today)?.shards ?? ON_DEMAND_SHARDS_MIN
  if (shards <= known) return onDemand
  const others = onDemand.peaks.filter(({ day }) => day !== today && isRecent(day, today))
  const peaks = [...others, { day: today, shards }].sort((a, b) => a.day - b.day)
  return { ...onDemand, peaks }
}

/** Also of a day that is yet to come, for a clock that stepped back: that bounds the list both ways. */
function isRecent(day: number, today: number): boolean {
  return Math.abs(today - day) < PEAK_DAYS
}

/** The busiest first. */
function splitsOfHot(
  loads: ReadonlyMap<Shard, number>,
  { distribution }: OnDemand,
  { writes }: Traffic,
): readonly ReshardStep[] {
  const hot = [...loads].filter(([, load]) => load > LOAD_TO_SPLIT).sort(([, a], [, b]) => b - a)
  return hot.flatMap(([shard]) => {
    const at = distribution === 'AUTO' ? middleOf(shard) : cutBetween(shard, writes.get(shard.ref)?.hashKeys ?? [])
    return at === undefined || !canCut(shard.range, at) ? [] : [splitStep(shard, at)]
  })
}

/** Where a split divides the traffic that the keys are a sample of. `undefined`: nowhere, as when it is all one key. */
function cutBetween(shard: Shard, hashKeys: readonly bigint[]): bigint | undefined {
  if (hashKeys.length < KEYS_TO_JUDGE) return undefined
  const keys = hashKeys.toSorted((a, b) => (a < b ? -1 : 1))
  const smallerShare = (below: number): number => Math.min(below, keys.length - below) / keys.length
  const middle = middleOf(shard)
  if (smallerShare(keys.filter((key) => key < middle).length) >= SHARE_AT_MIDDLE) return middle
  let best = 0
  for (let i = 1; i < keys.length; i++) if (keys[i] !== keys[i - 1] && smallerShare(i) > smallerShare(best)) best = i
  return smallerShare(best) >= SHARE_AT_CUT ? keys[best] : undefined
}

function middleOf({ range }: Shard): bigint {
  return (range.start + range.end + 1n) / 2n
}

/** `count` shards in their middle, the largest first, but for those that are split already. */
function splitsOfLargest(open: readonly Shard[], taken: readonly ReshardStep[], count: number): readonly ReshardStep[] {
  const isTaken = new Set(taken.flatMap((step) => step.parents))
  return open
    .filter((shard) => !isTaken.has(shard) && canCut(shard.range, middleOf(shard)))
    .toSorted((a, b) => Number(sizeOf(b) - sizeOf(a)) || a.number - b.number)
    .slice(0, count)
    .map((shard) => splitStep(shard, middleOf(shard)))
}

/** At most `count` pairs of neighbours that are together no busier than `loadMax`: the least busy first, and of equally busy ones the smallest. */
function mergesOfCold(
  open: readonly Shard[],
  loads: ReadonlyMap<Shard, number>,
  loadMax: number,
  count: number,
): readonly ReshardStep[] {
  if (count === 0) return []
  const pairs = open.slice(1).flatMap((upper, i) => {
    const lower = open[i]
    if (lower === undefined || !meet(lower.range, upper.range)) return []
    const load = (loads.get(lower) ?? 0) + (loads.get(upper) ?? 0)
    return load <= loadMax ? [{ lower, upper, load, size: sizeOf(lower) + sizeOf(upper) }] : []
  })
  pairs.sort((a, b) => a.load - b.load || Number(a.size - b.size))
  const taken = new Set<Shard>()
  const steps: ReshardStep[] = []
  for (const { lower, upper } of pairs) {
    if (steps.length === count) break
    if (taken.has(lower) || taken.has(upper)) continue
    taken.add(lower).add(upper)
    steps.push(mergeStep(lower, upper))
  }
  return steps
}

function sizeOf({ range }: Shard): bigint {
  return range.end - range.start + 1n
}
