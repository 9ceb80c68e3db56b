/**
 * Leases in the memory of one process: for tests, for an application of one process, and as the model of the others.
 * Nothing survives the process.
 */
import { type Clock, type Deferred, deferred, systemClock, type Timer } from '@millrace/std'
import { goesBack, type Lease, type NewLease } from './lease.ts'
import {
  type Beat,
  checkCount,
  endsWaits,
  type LeaseNews,
  type LeaseStore,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from './lease-store.ts'

interface Session extends LiveWorker {
  expiresAtMs: number
}

/** Changes that are remembered for cursors; who is further behind is told everything. */
const CHANGES_MAX = 10_000

/** The leases of one application. Each worker opens a store of its own. */
export class MemoryLeases {
  readonly #clock: Clock
  readonly #leases = new Map<string, Lease>()
  readonly #sessions = new Map<string, Session>()
  /** Keys in the order of their changes: change number `#firstChange + i` was of `#changes[i]`. */
  #changes: string[] = []
  #firstChange = 0
  /** How many changes there were when the last one was made that ends waits for news. */
  #newsAt = 0
  #version = 0
  #news: Deferred<void> = deferred()
  /** On the monotonic clock. */
  #expiry: { readonly atMs: number; readonly timer: Timer } | undefined

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  open(): LeaseStore {
    let name: string | undefined
    return {
      beat: (beat, signal) => {
        name = beat.worker
        return this.#beat(beat, signal)
      },
      create: async (leases) => this.#create(leases),
      update: async (updates) => this.#update(updates),
      remove: async (leases) => this.#remove(leases),
      leave: async () => this.#leave(name),
      [Symbol.asyncDispose]: async () => {},
    }
  }

  async #beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    signal.throwIfAborted()
    const { worker, capacity, ttlMs, waitMs, cursor } = beat
    const isNew = this.#sessions.get(worker)?.capacity !== capacity
    const expiresAtMs = this.#clock.monotonic() + ttlMs
    this.#sessions.set(worker, { worker, capacity, expiresAtMs })
    this.#watchExpiry(expiresAtMs)
    if (isNew) this.#announce()
    if (Number(cursor ?? -1) >= this.#newsAt && waitMs > 0) await this.#anyNews(waitMs, signal)
    return this.#newsSince(cursor)
  }

  #create(leases: readonly NewLease[]): void {
    checkCount(leases)
    for (const lease of leases) {
      if (this.#leases.has(lease.key)) continue
      this.#leases.set(lease.key, { ...lease, version: ++this.#version })
      this.#changed(lease.key)
    }
  }

  #update(updates: readonly LeaseUpdate[]): readonly LeaseUpdateResult[] {
    checkCount(updates)
    return updates.map(({ key, epoch, change }): LeaseUpdateResult => {
      const lease = this.#leases.get(key)
      if (lease === undefined) return { outcome: 'gone' }
      if (lease.epoch !== epoch || goesBack(lease, change)) return { outcome: 'conflict', lease }
      const changed: Lease = { ...lease, ...change, version: ++this.#version }
      this.#leases.set(key, changed)
      if (endsWaits(change)) this.#changed(key)
      else if ('loadKiBps' in change) this.#note(key)
      return { outcome: 'updated', lease: changed }
    })
  }

  #remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[]): void {
    checkCount(leases)
    for (const { key, epoch } of leases) {
      if (this.#leases.get(key)?.epoch !== epoch) continue
      this.#leases.delete(key)
      this.#changed(key)
    }
  }

  #leave(worker: string | undefined): void {
    if (worker !== undefined && this.#sessions.delete(worker)) this.#announce()
  }

  #changed(key: string): void {
    this.#note(key)
    this.#newsAt = this.#changeCount
    this.#announce()
  }

  /** For the next beats, without a wake-up. */
  #note(key: string): void {
    this.#changes.push(key)
    if (this.#changes.length > CHANGES_MAX) {
      const forgotten = this.#changes.length >> 1
      this.#changes = this.#changes.slice(forgotten)
      this.#firstChange += forgotten
    }
  }

  /** Wakes every beat that waits. */
  #announce(): void {
    this.#news.resolve()
    this.#news = deferred()
  }

  get #changeCount(): number {
    return this.#firstChange + this.#changes.length
  }

  #newsSince(cursor: string | undefined): LeaseNews {
    const seen = Number(cursor ?? -1)
    const isComplete = seen < this.#firstChange
    const keys = isComplete ? this.#leases.keys() : new Set(this.#changes.slice(seen - this.#firstChange))
    const leases: Lease[] = []
    const removed: string[] = []
    for (const key of keys) {
      const lease = this.#leases.get(key)
      if (lease === undefined) removed.push(key)
      else leases.push(lease)
    }
    const workers = [...this.#sessions.values()].map(({ worker, capacity }) => ({ worker, capacity }))
    return { cursor: String(this.#changeCount), isComplete, leases, removed, workers }
  }

  async #anyNews(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise } = this.#news
    const timedOut = deferred<void>()
    const timer = this.#clock.setTimer(waitMs, timedOut.resolve)
    const onAbort = (): void => timedOut.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([promise, timedOut.promise])
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** One timer, for the session that ends first. It may ring too early, when that has been prolonged. */
  #watchExpiry(atMs: number): void {
    if (this.#expiry !== undefined && this.#expiry.atMs <= atMs) return
    this.#expiry?.timer.cancel()
    const timer = this.#clock.setTimer(
      Math.max(0, atMs - this.#clock.monotonic()),
      () => {
        this.#expiry = undefined
        this.#expire()
      },
      { unref: true },
    )
    this.#expiry = { atMs, timer }
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic()
    let isAny = false
    let firstMs = Number.POSITIVE_INFINITY
    for (const { worker, expiresAtMs } of this.#sessions.values()) {
      if (expiresAtMs > nowMs) {
        firstMs = Math.min(firstMs, expiresAtMs)
        continue
      }
      this.#sessions.delete(worker)
      isAny = true
    }
    if (this.#sessions.size > 0) this.#watchExpiry(firstMs)
    if (isAny) this.#announce()
  }
}
