/** Which leases go from workers that have too much to those that have too little. Pure; what a lease counts for is `assignment.ts`. */
import type { Lease } from './lease.ts'

/** A lease, what it counts for, and its place among those that count as much: one that mixes streams and neighbours. */
export interface Share {
  readonly lease: Lease
  readonly cost: number
  readonly spread: number
}

export interface Holder {
  readonly worker: string
  readonly capacity: number
  load: number
  count: number
  /** Held, and not already on the way to another. */
  readonly movable: Share[]
}

export interface Move {
  readonly lease: Lease
  readonly receiver: Holder
}

/** A move must lessen the difference by so much of an average lease: loads that sway a little move nothing. */
const GAIN_MIN = 0.1

/**
 * From the heaviest to the lightest of those that `receives`, as long as it pays; the holders are as after the moves then. One worker
 * may have thousands of leases to give, so everything is sorted once, and a move costs the logarithm of it.
 */
export function* levelled(holders: readonly Holder[], receives: (holder: Holder) => boolean): Generator<Move> {
  const ranking = holders.toSorted((a, b) => byRank(a, b))
  for (const { movable } of holders) movable.sort(byCost)
  for (;;) {
    const receiver = ranking.find((holder) => holder.capacity > 0 && receives(holder))
    const donor = receiver && ranking.findLast((holder) => bestToGive(holder, receiver) !== undefined)
    if (receiver === undefined || donor === undefined) return
    const [share] = donor.movable.splice(bestToGive(donor, receiver) as number, 1) as [Share]
    charge(donor, share, -1)
    charge(receiver, share)
    rankAgain(ranking, [donor, receiver])
    yield { lease: share.lease, receiver }
  }
}

/** After the moves: who received nothing, and would have. */
export function isShort(holder: Holder, holders: readonly Holder[]): boolean {
  return holder.capacity > 0 && holders.some((donor) => bestToGive(donor, holder) !== undefined)
}

export function charge(holder: Holder, { cost }: Share, times: 1 | -1 = 1): void {
  holder.load += times * cost
  holder.count += times
}

/** How much of its capacity is taken, with `cost` more. */
function ratio({ load, capacity }: Holder, cost = 0): number {
  if (capacity > 0) return (load + cost) / capacity
  return load + cost > 0 ? Infinity : 0
}

/** The lightest first. */
export function byCost(a: Share, b: Share): number {
  return a.cost - b.cost || a.spread - b.spread || (a.lease.key < b.lease.key ? -1 : 1)
}

/** With `cost` more for each. */
export function byRank(a: Holder, b: Holder, cost = 0): number {
  const ofA = ratio(a, cost)
  const ofB = ratio(b, cost)
  if (ofA !== ofB) return ofA < ofB ? -1 : 1
  return a.worker < b.worker ? -1 : 1
}

/** Puts those that were charged where they belong now. */
export function rankAgain(ranking: Holder[], charged: readonly Holder[], cost = 0): void {
  for (const holder of charged) ranking.splice(ranking.indexOf(holder), 1)
  for (const holder of charged) {
    const at = firstWhere(ranking, (other) => byRank(holder, other, cost) < 0)
    ranking.splice(at, 0, holder)
  }
}

/** Where the share is whose move leaves the least with the heavier of the two; `undefined`: none lessens it enough. */
function bestToGive(donor: Holder, receiver: Holder): number | undefined {
  const { movable } = donor
  if (movable.length === 0 || donor === receiver || ratio(donor) <= ratio(receiver)) return undefined
  const given = (cost: number): number => (donor.capacity > 0 ? ratio(donor, -cost) : 0)
  const after = (at: number): number => {
    const cost = movable[at]?.cost ?? Infinity
    return Math.max(ratio(receiver, cost), given(cost))
  }
  // With its cost one of the two rises and the other falls: the best is where they meet, or the last before.
  const meeting = firstWhere(movable, ({ cost }) => ratio(receiver, cost) >= given(cost))
  const before = movable[meeting - 1]
  const others = before === undefined ? meeting : firstWhere(movable, ({ cost }) => cost >= before.cost)
  const best = after(others) <= after(meeting) ? others : meeting
  return after(best) <= ratio(donor) - GAIN_MIN ? best : undefined
}

/** Of sorted items, the first that `isBehind` holds for, as for all behind it; their number if it holds for none. */
function firstWhere<T>(items: readonly T[], isBehind: (item: T) => boolean): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBehind(items[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}
