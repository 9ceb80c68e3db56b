/** One application as this server sees it: its leases, who lives, and who waits for news of either. */
import type { Clock, Timer } from '@millrace/std'

import type { ApplicationKey, ApplicationRoot } from './documents.ts'
import { LeaseTable } from './lease-table.ts'
import { PendingWrites } from './pending-writes.ts'
import { CAPACITY_MILLI_DEFAULT, Sessions } from './sessions.ts'

export interface Beat {
  readonly worker: string
  readonly capacityMilli: number
  readonly ttlMs: number
}

/** Why a wait is over; `replaced`: the same worker asked anew, and only that wait counts. */
type WakeReason = 'news' | 'replaced' | 'over'
type Wake = (reason: WakeReason) => void

export class Application {
  readonly key: ApplicationKey
  readonly table: LeaseTable
  readonly writes = new PendingWrites()
  /** With the revision it has; absent: the document is not there. */
  root: { readonly value: ApplicationRoot; readonly revision: number } | undefined
  readonly #clock: Clock
  readonly #sessions = new Sessions()
  /** By worker: one waits once, and so there are no more waits than sessions. */
  readonly #waits = new Map<string, Wake>()
  #expiry: Timer | undefined
  #expiryAtMs = 0

  /** `life`: see LeaseTable. */
  constructor(key: ApplicationKey, life: string, clock: Clock) {
    this.key = key
    this.table = new LeaseTable(life)
    this.#clock = clock
  }

  /** Nothing is stored of it. */
  get isGone(): boolean {
    return this.root === undefined && this.table.size === 0
  }

  /** With those that are being written. */
  get leaseCount(): number {
    return this.table.size + this.writes.newLeases
  }

  /** Of stored leases, with what is being written. */
  get leaseBytes(): number {
    return this.table.bytes + this.writes.bytes
  }

  get sessions(): Pick<Sessions, 'size' | 'has' | 'workers'> {
    return this.#sessions
  }

  renew({ worker, capacityMilli, ttlMs }: Beat): void {
    const endsAtMs = this.#clock.monotonic() + ttlMs
    if (this.#sessions.renew({ worker, capacityMilli, endsAtMs })) this.#workersChanged()
    this.#expireAfter(ttlMs)
  }

  /** Gives a session to each worker that owns a lease and has none: it may have had one before this server started. */
  presumeOwners(ttlMs: number): void {
    for (const { Owner } of this.table.values())
      if (Owner !== undefined && !this.#sessions.has(Owner))
        this.renew({ worker: Owner, capacityMilli: CAPACITY_MILLI_DEFAULT, ttlMs })
  }

  leave(worker: string): void {
    if (this.#sessions.end(worker)) this.#workersChanged()
  }

  endSessions(): void {
    this.#sessions.clear()
    this.#workersChanged()
  }

  /** Resolves when there may be something to tell, when the worker asks anew, and after `delayMs` or with the signal. */
  wait(worker: string, delayMs: number, signal: AbortSignal): Promise<WakeReason> {
    this.#waits.get(worker)?.('replaced')
    return new Promise((resolve) => {
      const wake: Wake = (reason) => {
        timer.cancel()
        signal.removeEventListener('abort', over)
        if (this.#waits.get(worker) === wake) this.#waits.delete(worker)
        resolve(reason)
      }
      const over = (): void => wake('over')
      const timer = this.#clock.setTimer(delayMs, over, { unref: true })
      this.#waits.set(worker, wake)
      if (signal.aborted) over()
      else signal.addEventListener('abort', over, { once: true })
    })
  }

  /** Wakes everybody who waits. */
  wake(): void {
    for (const wake of this.#waits.values()) wake('news')
  }

  /** Nobody waits any more, and no timer is left. */
  close(): void {
    this.#expiry?.cancel()
    this.wake()
  }

  #workersChanged(): void {
    this.table.workersChanged()
    this.wake()
  }

  /** Unless the timer comes sooner already. */
  #expireAfter(delayMs: number): void {
    const atMs = this.#clock.monotonic() + delayMs
    if (this.#expiry !== undefined && this.#expiryAtMs <= atMs) return
    this.#expiry?.cancel()
    this.#expiryAtMs = atMs
    this.#expiry = this.#clock.setTimer(delayMs, () => this.#expire(), { unref: true })
  }

  /** Beats move the ends of sessions, not this timer: it comes once in the life of a session, and looks. */
  #expire(): void {
    const nowMs = this.#clock.monotonic()
    this.#expiry = undefined
    if (this.#sessions.expire(nowMs)) this.#workersChanged()
    if (this.#sessions.size > 0) this.#expireAfter(this.#sessions.nextEndMs - nowMs)
  }
}
