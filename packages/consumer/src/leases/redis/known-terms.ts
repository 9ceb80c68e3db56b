/**
 * Which term of a lease somebody means who names its epoch. In a Redis that lost what was written, epochs come again for other
 * terms: the id that is stored beside each does not. What was thought of a term that is lost is refused by that.
 */
import type { StoredLease } from './lease-document.ts'

interface Known {
  readonly epoch: number
  readonly term: string
}

/** An id that no term has. */
const NONE = '-'

export class KnownTerms {
  /** The newest of each lease. */
  readonly #known = new Map<string, Known>()

  /** '': any of that epoch, as it is younger than all that was told here. */
  of(key: string, epoch: number): string {
    const known = this.#known.get(key)
    if (known === undefined || epoch > known.epoch) return ''
    return epoch === known.epoch ? known.term : NONE
  }

  /** False: Redis has lost a term that was known. That one stays known, and changes in this one are refused here, until one begins above both. */
  learn({ lease: { key, epoch }, term }: StoredLease): boolean {
    const known = this.of(key, epoch)
    if (known !== '' && known !== term) return false
    this.#known.set(key, { epoch, term })
    return true
  }

  /** Above all that was told here. */
  nextEpoch(key: string): number {
    return (this.#known.get(key)?.epoch ?? 0) + 1
  }

  /** All leases that there are. */
  keep(leases: readonly StoredLease[]): void {
    const keys = new Set(leases.map(({ lease }) => lease.key))
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key)
  }
}
