/**
 * What this worker should change of the leases, and which it should begin, by its picture of them. Bookkeeping, no I/O.
 *
 * Invariant: a term is begun here once. A call of the consumer before may be under way still, and would write beside the
 * next one: who begins again takes a new term first, which fences it.
 */
import { isShardEnd } from '../extended-sequence-number.ts'
import { assign } from './assignment.ts'
import type { LeaseTable } from './lease-table.ts'
import type { LeaseUpdate } from './lease-store.ts'
import type { Lease } from './lease.ts'

export interface ClaimsOptions {
  readonly worker: string
  readonly balance: 'count' | 'load'
  readonly leasesMax: number
}

/** Keys of leases that are processed here now. */
export type Running = Pick<ReadonlySet<string>, 'has'>

export class Claims {
  readonly #options: ClaimsOptions
  readonly #table: LeaseTable
  /** The last term that was begun here of each lease. */
  readonly #begun = new Map<string, number>()

  constructor(table: LeaseTable, options: ClaimsOptions) {
    this.#table = table
    this.#options = options
  }

  updates(running: Running): readonly LeaseUpdate[] {
    for (const key of this.#begun.keys()) if (this.#table.get(key) === undefined) this.#begun.delete(key)
    const { worker } = this.#options
    const leases = [...this.#table.leases()].filter((lease) => this.#table.isReady(lease))
    const { take, ask } = assign(leases, this.#table.workers, this.#options)
    const again = this.#own(running).filter((lease) => this.#isBegun(lease))
    return [
      ...take.map((lease) => ({ ...named(lease), change: takenBy(worker, lease) })),
      ...ask.map((lease) => ({ ...named(lease), change: { heir: worker } })),
      ...again.map((lease) => ({ ...named(lease), change: { epoch: lease.epoch + 1 } })),
    ]
  }

  /** What is ours and not processed yet: just taken, handed over, or taken by a call whose answer was lost. */
  toBegin(running: Running): readonly Lease[] {
    return this.#own(running).filter((lease) => !this.#isBegun(lease))
  }

  begin({ key, epoch }: Lease): void {
    this.#begun.set(key, epoch)
  }

  #own(running: Running): readonly Lease[] {
    const { worker } = this.#options
    return [...this.#table.leases()].filter(
      (lease) => lease.owner === worker && !lease.paused && !running.has(lease.key) && this.#table.isReady(lease),
    )
  }

  #isBegun({ key, epoch }: Lease): boolean {
    return this.#begun.get(key) === epoch
  }
}

function named({ key, epoch }: Lease): Pick<LeaseUpdate, 'key' | 'epoch'> {
  return { key, epoch }
}

function takenBy(worker: string, lease: Lease): LeaseUpdate['change'] {
  return {
    owner: worker,
    heir: undefined,
    epoch: lease.epoch + 1,
    ...(isShardEnd(lease.checkpoint) || lease.owner === worker ? {} : { ownerSwitches: lease.ownerSwitches + 1 }),
  }
}
