/**
 * Who should hold which lease. A pure function of the leases and the living workers: every worker computes the same from
 * the same table, and does its own part of it. Where tables differ for a moment, conditional updates decide.
 */
import type { Lease } from './lease.ts'
import type { LiveWorker } from './lease-store.ts'
import { byCost, byRank, charge, type Holder, isShort, levelled, rankAgain, type Share } from './levelling.ts'

export interface AssignmentOptions {
  readonly worker: string
  /** `count`: as many leases for each, by capacity. `load`: as many bytes as well; a lease without traffic counts half. */
  readonly balance: 'count' | 'load'
  /** The most that this worker holds. */
  readonly leasesMax: number
  /** Leases that this worker does not ask for: they weigh with those that hold them, and stay there. Default: none. */
  readonly isDeclined?: ((lease: Lease) => boolean) | undefined
  /** How often a free lease was let pass: each time twice as many workers may take it. Default: never. */
  readonly passes?: ((lease: Lease) => number) | undefined
  /** Another worker that does not ask for what it would be given: others ask instead. Default: all ask. */
  readonly isSilent?: ((worker: string) => boolean) | undefined
}

export interface Assignment {
  /** Nobody's, and ours to take. */
  readonly take: readonly Lease[]
  /** Others', and ours to ask for: they have more than their share. */
  readonly ask: readonly Lease[]
  /** Other workers that are to ask for leases, of those that this worker could ask for, too: silent ones as well. */
  readonly owed: readonly string[]
}

/** `leases`: those that are to be processed now, in any order. */
export function assign(
  leases: readonly Lease[],
  workers: readonly LiveWorker[],
  options: AssignmentOptions,
): Assignment {
  const costOf = costs(leases, options.balance)
  const holders = workers.map(({ worker, capacity }): Holder => ({ worker, capacity, load: 0, count: 0, movable: [] }))
  const byName = new Map(holders.map((holder) => [holder.worker, holder]))
  const me = byName.get(options.worker)
  if (me === undefined) return { take: [], ask: [], owed: [] }

  const free: Share[] = []
  for (const lease of leases) {
    const share: Share = { lease, cost: costOf(lease), spread: spread(lease.key) }
    const owner = byName.get(lease.owner ?? '')
    const asking = owner === undefined ? undefined : byName.get(lease.heir ?? '')
    // One that is about to stop gets nothing any more.
    const heir = asking !== undefined && asking.capacity > 0 ? asking : undefined
    const holder = heir ?? owner
    if (holder === undefined) {
      free.push(share)
      continue
    }
    charge(holder, share)
    if (heir === undefined && options.isDeclined?.(lease) !== true) holder.movable.push(share)
  }

  // Each to the one that is the lightest with it, but for the first so many, round about.
  const able = holders.filter(({ capacity }) => capacity > 0)
  const take: Lease[] = []
  let rankedFor: number | undefined
  for (const share of free.sort(heaviestFirst)) {
    const { cost, lease } = share
    if (cost !== rankedFor) able.sort((a, b) => byRank(a, b, cost))
    rankedFor = cost
    // Who lets it pass is full, or cannot: nobody knows which of the others can.
    const candidates = able.slice(0, 2 ** (options.passes?.(lease) ?? 0))
    const holder: Holder | undefined = candidates.includes(me) ? me : candidates[0]
    // All of them want to get rid of what they have.
    if (holder === undefined) break
    charge(holder, share)
    rankAgain(able, [holder], cost)
    if (holder === me && me.count <= options.leasesMax) take.push(lease)
  }
  const ask: Lease[] = []
  const owed = new Set<string>()
  const isSilent = ({ worker }: Holder): boolean => options.isSilent?.(worker) === true
  for (const { lease, receiver } of levelled(holders, (holder) => !isSilent(holder))) {
    if (receiver !== me) owed.add(receiver.worker)
    else if (me.count <= options.leasesMax) ask.push(lease)
  }
  for (const holder of holders) if (isSilent(holder) && isShort(holder, holders)) owed.add(holder.worker)
  return { take, ask, owed: [...owed] }
}

type CostOf = (lease: Lease) => number

function costs(leases: readonly Lease[], balance: 'count' | 'load'): CostOf {
  if (balance === 'count') return () => 1
  const known = leases.map(({ loadKiBps }) => loadKiBps).filter((load) => load !== undefined)
  const average = known.reduce((sum, load) => sum + load, 0) / Math.max(1, known.length)
  if (average === 0) return () => 1
  return ({ loadKiBps = average }) => 0.5 + (0.5 * loadKiBps) / average
}

/** Those of one weight mixed. */
function heaviestFirst(a: Share, b: Share): number {
  return b.cost - a.cost || byCost(a, b)
}

/** FNV-1a, 32 bit. */
function spread(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
