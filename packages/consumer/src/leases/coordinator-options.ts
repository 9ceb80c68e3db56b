/** What a lease coordinator is told, and what it is told of a shard. */
import type { Clock, Logger, Random } from '@millrace/std'
import type { HeldLease } from './held-lease.ts'
import type { LeaseStore } from './lease-store.ts'
import type { LeaseTable } from './lease-table.ts'
import type { Lease } from './lease.ts'

/**
 * `ended`: at SHARD_END. `failed`: the failure policy says to leave the shard alone, everybody. `declined`: this worker cannot
 * process it now; another may.
 */
export type ConsumeResult = 'ended' | 'released' | 'lost' | 'failed' | 'declined'

/** Whether a worker can process a lease. `unknown`: not yet; it neither takes it nor lets go of what is its own. */
export type Suitability = 'yes' | 'no' | 'unknown'

export interface CoordinatorOptions {
  readonly worker: string
  readonly store: LeaseStore
  /** Processes a shard as long as the lease is held. Rejects for nothing but bugs. */
  readonly consume: (held: HeldLease) => Promise<ConsumeResult>
  readonly balance: 'count' | 'load'
  readonly leasesMax: number
  readonly capacity: number
  /** A worker that is not heard of for so long is dead, ms. */
  readonly ttlMs: number
  /** Between two beats of an idle worker, ms. */
  readonly beatMs: number
  /** How long a lease that another worker asks for may be kept to finish what is in hand, ms. */
  readonly handoverMs: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What this worker cannot process it lets go of, and takes none. Default: all can be. */
  readonly suits?: ((lease: Lease) => Suitability) | undefined
  /** After each beat: what is held, and whether leases are there that nobody holds. */
  readonly onBeat?: ((table: LeaseTable) => void) | undefined
  /** The session could not be left; it ends by itself. */
  readonly onLeaveFailure?: ((error: unknown) => void) | undefined
}
