/** How the fleet of a seed is made: what it draws before anything happens. */
import { type Random, randomBelow } from '@millrace/std'

export interface FleetPlan {
  readonly workers: number
  /** Of all streams together. */
  readonly shards: number
  /** Steps of half a second on average, each with something that happens. */
  readonly steps: number
}

export type Face = 'run' | 'each' | 'batches'

export interface FleetSetup {
  readonly face: Face
  readonly balance: 'count' | 'load'
  readonly retrieval: 'polling' | 'fan-out'
  readonly initialPosition: 'oldest' | 'latest'
  /** Workers have unequal shares, and some of them no more than a few leases. */
  readonly isUnequal: boolean
  /** Of an application of one worker each. */
  readonly streams: readonly string[]
  /** Lists of streams are rolled out again and again: for a while workers have different ones. */
  readonly isRolling: boolean
}

const STREAMS = ['orders', 'bills', 'returns']
/** Of so many fleets one begins at the latest. */
const LATEST_EVERY = 4

/** A third reads by fan-out, two thirds have several streams, and half of these roll lists out, where it is no plan of a large fleet. */
export function drawnSetup(seed: number, random: Random, isLarge: boolean): FleetSetup {
  const faces: readonly Face[] = ['run', 'run', 'each', 'batches']
  const kind = randomBelow(random, 3)
  return {
    face: faces[randomBelow(random, faces.length)] ?? 'run',
    balance: random.float() < 0.3 ? 'load' : 'count',
    retrieval: randomBelow(random, 3) === 0 ? 'fan-out' : 'polling',
    initialPosition: seed % LATEST_EVERY === 1 ? 'latest' : 'oldest',
    isUnequal: random.float() < 0.3,
    streams: STREAMS.slice(0, kind === 0 ? 1 : 2 + randomBelow(random, 2)),
    isRolling: kind === 2 && !isLarge,
  }
}

/** Who rolls lists out has as much to do in fewer steps. */
export function drawnPlan({ isRolling }: FleetSetup, random: Random): FleetPlan {
  const workers = 2 + randomBelow(random, isRolling ? 3 : 4)
  return { workers, shards: 1 + randomBelow(random, 8), steps: 12 + randomBelow(random, isRolling ? 12 : 24) }
}

/** What a fleet is counted as having been. */
export function traits({ face, balance, retrieval, isUnequal, streams, isRolling }: FleetSetup): readonly string[] {
  return [
    `face-${face}`,
    ...(retrieval === 'fan-out' ? ['fan-out'] : []),
    ...(isUnequal ? ['unequal'] : []),
    ...(balance === 'load' ? ['by-load'] : []),
    ...(streams.length > 1 ? ['several-streams'] : []),
    ...(isRolling ? ['rolling'] : []),
  ]
}
