/**
 * Who should hold which lease. A pure function of the leases and the living workers: every worker computes the same from
 * the same table, and does its own part of it. Where tables differ for a moment, conditional updates decide.
 */
import type { Lease } from './lease.ts'
import type { LiveWorker } from './lease-store.ts'

export interface AssignmentOptions {
  readonly worker: string
  /** `count`: as many leases for each, by capacity. `load`: as many bytes as well; a lease without traffic counts half. */
  readonly balance: 'count' | 'load'
  /** The most that this worker holds. */
  readonly leasesMax: number
  /** How many workers have let a free lease pass: it falls to the next one then. Default: none. */
  readonly passes?: ((lease: Lease) => number) | undefined
}

export interface Assignment {
  /** Nobody's, and ours to take. */
  readonly take: readonly Lease[]
  /** Others', and ours to ask for: they have more than their share. */
  readonly ask: readonly Lease[]
}

/** A move must lessen the difference by so much of an average lease: loads that sway a little move nothing. */
const GAIN_MIN = 0.1

interface Holder {
  readonly worker: string
  readonly capacity: number
  load: number
  count: number
  /** Held, and not already on the way to another. */
  readonly movable: Lease[]
}

/** `leases`: those that are to be processed now, in any order. */
export function assign(
  leases: readonly Lease[],
  workers: readonly LiveWorker[],
  options: AssignmentOptions,
): Assignment {
  const costOf = costs(leases, options.balance)
  const holders = workers
    .map(({ worker, capacity }): Holder => ({ worker, capacity, load: 0, count: 0, movable: [] }))
    .sort((a, b) => (a.worker < b.worker ? -1 : 1))
  const byName = new Map(holders.map((holder) => [holder.worker, holder]))
  const me = byName.get(options.worker)
  if (me === undefined) return { take: [], ask: [] }

  const free: Lease[] = []
  for (const lease of leases) {
    const owner = byName.get(lease.owner ?? '')
    const asking = owner === undefined ? undefined : byName.get(lease.heir ?? '')
    // One that is about to stop gets nothing any more.
    const heir = asking !== undefined && asking.capacity > 0 ? asking : undefined
    const holder = heir ?? owner
    if (holder === undefined) {
      free.push(lease)
      continue
    }
    charge(holder, costOf(lease))
    if (heir === undefined) holder.movable.push(lease)
  }

  const take: Lease[] = []
  for (const lease of inOrder(free, costOf)) {
    const holder = lightest(holders, costOf(lease), options.passes?.(lease))
    if (holder === undefined) break
    charge(holder, costOf(lease))
    if (holder === me && me.count <= options.leasesMax) take.push(lease)
  }
  return { take, ask: asked(holders, me, costOf, options.leasesMax) }
}

/** From the heaviest to the lightest, as long as it pays. */
function asked(holders: readonly Holder[], me: Holder, costOf: CostOf, leasesMax: number): readonly Lease[] {
  const ask: Lease[] = []
  for (;;) {
    const receiver = lightest(holders, 0)
    if (receiver === undefined) return ask
    let best: { donor: Holder; lease: Lease; after: number } | undefined
    for (const donor of holders.toSorted((a, b) => ratio(b) - ratio(a))) {
      if (donor === receiver || ratio(donor) <= ratio(receiver)) break
      for (const lease of donor.movable) {
        const cost = costOf(lease)
        // The larger of the two afterwards; what does not lessen it is no gain.
        const after = Math.max(ratio(receiver, cost), donor.capacity > 0 ? ratio(donor, -cost) : 0)
        if (after > ratio(donor) - GAIN_MIN) continue
        if (best === undefined || after < best.after || (after === best.after && isBefore(lease, best.lease)))
          best = { donor, lease, after }
      }
      // The heaviest that can give at all gives.
      if (best !== undefined) break
    }
    if (best === undefined) return ask
    const { donor, lease } = best
    donor.movable.splice(donor.movable.indexOf(lease), 1)
    donor.load -= costOf(lease)
    donor.count--
    charge(receiver, costOf(lease))
    if (receiver === me && me.count <= leasesMax) ask.push(lease)
  }
}

type CostOf = (lease: Lease) => number

function costs(leases: readonly Lease[], balance: 'count' | 'load'): CostOf {
  if (balance === 'count') return () => 1
  const known = leases.map(({ loadKiBps }) => loadKiBps).filter((load) => load !== undefined)
  const average = known.reduce((sum, load) => sum + load, 0) / Math.max(1, known.length)
  if (average === 0) return () => 1
  return ({ loadKiBps = average }) => 0.5 + (0.5 * loadKiBps) / average
}

function charge(holder: Holder, cost: number): void {
  holder.load += cost
  holder.count++
}

/** With `cost` more. */
function ratio({ load, capacity }: Holder, cost = 0): number {
  if (capacity > 0) return (load + cost) / capacity
  return load + cost > 0 ? Infinity : 0
}

/** But for the first so many, round about. `undefined`: all of them want to get rid of what they have. */
function lightest(holders: readonly Holder[], cost: number, passes = 0): Holder | undefined {
  const able = holders.filter(({ capacity }) => capacity > 0)
  if (passes > 0) return able.toSorted((a, b) => ratio(a, cost) - ratio(b, cost))[passes % able.length]
  let best: Holder | undefined
  for (const holder of able) if (best === undefined || ratio(holder, cost) < ratio(best, cost)) best = holder
  return best
}

/** The heaviest first; those of one weight in an order that mixes streams and neighbours. */
function inOrder(leases: readonly Lease[], costOf: CostOf): readonly Lease[] {
  return leases.toSorted((a, b) => costOf(b) - costOf(a) || (isBefore(a, b) ? -1 : 1))
}

function isBefore(a: Lease, b: Lease): boolean {
  return spread(a.key) - spread(b.key) < 0 || (spread(a.key) === spread(b.key) && a.key < b.key)
}

/** FNV-1a, 32 bit. */
function spread(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
