/**
 * Which term of a lease somebody means who names its epoch. In a Redis that lost what was written, an epoch comes again for another
 * term: the id that is stored beside it does not. What was thought of a term that is lost is refused by that.
 */
import type { StoredLease } from './lease-document.ts'

export class KnownTerms {
  readonly #known = new Map<string, { readonly epoch: number; readonly term: string }>()

  /** '': nothing was told of it. */
  of(key: string, epoch: number): string {
    const known = this.#known.get(key)
    return known?.epoch === epoch ? known.term : ''
  }

  /** False: it is told in an epoch that was known as another term, which stays known, so that this one is refused until it is over. */
  learn({ lease: { key, epoch }, term }: StoredLease): boolean {
    const known = this.of(key, epoch)
    if (known !== '' && known !== term) return false
    this.#known.set(key, { epoch, term })
    return true
  }

  /** All leases that there are. */
  keep(leases: readonly StoredLease[]): void {
    const keys = new Set(leases.map(({ lease }) => lease.key))
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key)
  }
}
