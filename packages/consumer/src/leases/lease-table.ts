/** A worker's picture of its application's leases, kept up by the news of the store. Bookkeeping, no I/O. */
import { isShardEnd } from '../extended-sequence-number.ts'
import { parentKeys } from './lease-key.ts'
import type { Lease } from './lease.ts'
import type { LeaseNews, LiveWorker } from './lease-store.ts'

export class LeaseTable {
  readonly #leases = new Map<string, Lease>()
  #workers: readonly LiveWorker[] = []
  /** Their capacities. */
  #live: ReadonlyMap<string, number> = new Map()
  #cursor: string | undefined
  #revision = 0
  #loadRevision = 0
  /** Keys of what updates answered since a beat was sent: only that may be younger than what the beat tells. */
  readonly #answered = new Set<string>()

  get cursor(): string | undefined {
    return this.#cursor
  }

  /** Grows with every change that matters to who should hold what. */
  get revision(): number {
    return this.#revision
  }

  /** Grows with every load that is another: it matters to who goes by loads, and is no reason for haste. */
  get loadRevision(): number {
    return this.#loadRevision
  }

  get size(): number {
    return this.#leases.size
  }

  get workers(): readonly LiveWorker[] {
    return this.#workers
  }

  leases(): IterableIterator<Lease> {
    return this.#leases.values()
  }

  get(key: string): Lease | undefined {
    return this.#leases.get(key)
  }

  isLive(worker: string | undefined): boolean {
    return worker !== undefined && this.#live.has(worker)
  }

  /** Who asks for the lease, and may have it: who is about to stop wants nothing any more. */
  heirOf({ heir }: Lease): string | undefined {
    return heir !== undefined && (this.#live.get(heir) ?? 0) > 0 ? heir : undefined
  }

  /** A beat is sent, whose answer `apply` is given. */
  asking(): void {
    this.#answered.clear()
  }

  /**
   * What is told was read after the beat was sent. A lease that was taken away and made again meanwhile may have a lower version
   * than the one that is known here.
   */
  apply(news: LeaseNews): void {
    if (news.isComplete) {
      const told = new Set(news.leases.map(({ key }) => key))
      for (const key of this.#leases.keys()) if (!told.has(key)) this.drop(key)
    }
    for (const key of news.removed) this.drop(key)
    for (const lease of news.leases)
      if (this.#answered.has(lease.key)) this.#putYounger(lease)
      else this.#set(lease)
    this.#cursor = news.cursor
    const isSame = ({ worker, capacity }: LiveWorker): boolean => this.#live.get(worker) === capacity
    if (news.workers.length !== this.#live.size || !news.workers.every(isSame)) this.#revision++
    this.#workers = news.workers
    this.#live = new Map(news.workers.map(({ worker, capacity }) => [worker, capacity]))
  }

  /** What an update answered. */
  put(lease: Lease): void {
    this.#answered.add(lease.key)
    this.#putYounger(lease)
  }

  /** News and answers of updates come in any order: the younger of two is kept. */
  #putYounger(lease: Lease): void {
    const before = this.#leases.get(lease.key)
    if (before === undefined || before.version <= lease.version) this.#set(lease)
  }

  #set(lease: Lease): void {
    const before = this.#leases.get(lease.key)
    this.#leases.set(lease.key, lease)
    if (before === undefined || matters(before, lease)) this.#revision++
    else if (before.loadKiBps !== lease.loadKiBps) this.#loadRevision++
  }

  drop(key: string): void {
    if (this.#leases.delete(key)) this.#revision++
  }

  /** All its parents are processed to their ends (a lease that is gone was), and it is not itself. */
  isReady(lease: Lease): boolean {
    if (isShardEnd(lease.checkpoint)) return false
    return parentKeys(lease).every((key) => {
      const parent = this.#leases.get(key)
      return parent === undefined || isShardEnd(parent.checkpoint)
    })
  }
}

function matters(before: Lease, lease: Lease): boolean {
  return (
    before.owner !== lease.owner ||
    before.heir !== lease.heir ||
    before.epoch !== lease.epoch ||
    before.paused !== lease.paused ||
    isShardEnd(before.checkpoint) !== isShardEnd(lease.checkpoint)
  )
}
