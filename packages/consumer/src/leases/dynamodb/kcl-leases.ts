/**
 * Leases that workers of a KCL hold. Such a worker is alive as far as it counts its leases up: a lease whose counter has
 * stood still for the KCL's failover time, measured on our own clock, is nobody's, whatever the others of that worker do.
 */
import type { Clock } from '@millrace/std'
import type { Lease } from '../lease.ts'
import type { StoredLease } from './lease-item.ts'

interface Seen {
  readonly owner: string
  readonly counter: number
  readonly movedAtMs: number
  /** Seen at two places. */
  readonly hasMoved: boolean
}

export class KclLeases {
  readonly #failoverMs: number
  readonly #clock: Clock
  #seen = new Map<string, Seen>()
  /** What has stood still since then is not known. */
  #observedAtMs = -Infinity

  constructor(failoverMs: number, clock: Clock) {
    this.#failoverMs = failoverMs
    this.#clock = clock
  }

  /** `stored`: all that there are. */
  observe(stored: Iterable<StoredLease>, isOurs: (worker: string) => boolean): void {
    const nowMs = this.#clock.monotonic()
    const seen = new Map<string, Seen>()
    for (const {
      lease: { key, owner },
      counter,
    } of stored) {
      // prettier-ignore
      if (owner === undefined || isOurs(owner)) continue
      const before = this.#seen.get(key)
      const isSame = before === undefined || before.counter === counter
      seen.set(key, {
        owner,
        counter,
        movedAtMs: isSame && before !== undefined ? before.movedAtMs : nowMs,
        hasMoved: !isSame || before?.hasMoved === true,
      })
    }
    this.#seen = seen
    this.#observedAtMs = nowMs
  }

  /** Workers that hold leases which move. */
  workers(): ReadonlySet<string> {
    return new Set([...this.#seen.values()].filter((seen) => this.#moves(seen)).map(({ owner }) => owner))
  }

  /** All that count as moving have been seen to move: who looks for the first time takes each for one that moves. */
  get isDecided(): boolean {
    return [...this.#seen.values()].every((seen) => seen.hasMoved || !this.#moves(seen))
  }

  isHolder(worker: string): boolean {
    return [...this.#seen.values()].some(({ owner }) => owner === worker)
  }

  /** A lease as others should see it. */
  told(lease: Lease): Lease {
    const seen = this.#seen.get(lease.key)
    if (seen === undefined || seen.owner !== lease.owner || this.#moves(seen)) return lease
    return { ...lease, owner: undefined, heir: undefined }
  }

  #moves({ movedAtMs }: Seen): boolean {
    return this.#observedAtMs - movedAtMs < this.#failoverMs
  }
}
