/**
 * Leases in the KCL's own table in DynamoDB, alone or side by side with workers of a KCL; see `lease-item.ts` for the layout and
 * `sessions.ts` for who lives. A beat is one write and one small read; the lease table is read when somebody announced
 * news, and from time to time (`READ_MS`).
 */
import { type Clock, systemClock, untilAborted } from '@millrace/std'
import {
  type Beat,
  checkCount,
  endsWaits,
  type LeaseNews,
  type LeaseStore,
  LeaseStoreError,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from '../lease-store.ts'
import { goesBack, type Lease, type LeaseChange, type NewLease } from '../lease.ts'
import { withinMs } from '../within-ms.ts'
import { longKeys, shortKeysOf } from './item-keys.ts'
import { KclLeases } from './kcl-leases.ts'
import { isRequest, type StoredLease } from './lease-item.ts'
import { LeaseTableItems } from './lease-table-items.ts'
import { manyAtOnce } from './many-at-once.ts'
import type { DynamoLeaseStoreOptions } from './options.ts'
import { Sessions } from './sessions.ts'
import { ensureTable } from './tables.ts'

/** Of a call of this store, with all that it needs. */
const CALL_MS_MAX = 10_000
/** Of one change, when the lease is written within its term by others meanwhile. */
const TRIES_MAX = 10
/** Where no KCL is: what a crash of its writer left unannounced is found so late. */
const READ_MS = 10_000
export class DynamoLeaseStore implements LeaseStore {
  readonly account: string | undefined
  readonly #options: DynamoLeaseStoreOptions
  readonly #clock: Clock
  readonly #sessions: Sessions
  /** Absent: no KCL. */
  readonly #kcl: KclLeases | undefined
  readonly #kclFailoverMs: number
  readonly #closing = new AbortController()
  #opening: Promise<LeaseTableItems> | undefined
  #worker: string | undefined
  /** As they were read or written last. */
  #seen = new Map<string, StoredLease>()
  /** When this worker counted a lease up, by key. */
  #countedAtMs = new Map<string, number>()
  #news: string | undefined
  #readAtMs = -Infinity
  #cursor = 0

  /** Throws a RangeError for an account that is none. */
  constructor(options: DynamoLeaseStoreOptions) {
    const { client, table, workersTable = `${table}-MillraceWorkers`, kcl = '3.x', clock = systemClock } = options
    const { keys } = options
    this.account = 'account' in keys ? keys.account : undefined
    if (this.account !== undefined && !/^\d{12}$/.test(this.account))
      throw new RangeError(`Expected an account of twelve digits, found ${this.account}.`)
    this.#options = options
    this.#clock = clock
    this.#sessions = new Sessions(client, workersTable, clock)
    this.#kclFailoverMs = options.kclFailoverMs ?? 10_000
    this.#kcl = kcl === 'none' ? undefined : new KclLeases(this.#kclFailoverMs, clock)
  }

  beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    return this.#bounded(signal, (bounded) => this.#beat(beat, bounded))
  }

  create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    return this.#bounded(signal, (bounded) => this.#create(leases, bounded))
  }

  update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    checkCount(updates)
    return this.#bounded(signal, (bounded) => this.#updateAll(updates, bounded))
  }

  remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    return this.#bounded(signal, (bounded) => this.#removeAll(leases, bounded))
  }

  async leave(signal: AbortSignal): Promise<void> {
    const worker = this.#worker
    if (worker !== undefined) await this.#bounded(signal, (bounded) => this.#sessions.leave(worker, bounded))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new LeaseStoreError('unavailable', 'The lease store was closed.'))
  }

  #bounded<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withinMs(this.#clock, CALL_MS_MAX, signal, work)
  }

  async #beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    this.#worker = beat.worker
    const items = await this.#open(signal)
    const [, isAllHeld] = await Promise.all([this.#sessions.keep(beat, signal), this.#countUp(beat.held, signal)])
    const news = await this.#sessions.look(signal)
    const isDue =
      this.#clock.monotonic() - this.#readAtMs >= (this.#kcl === undefined ? READ_MS : this.#kclFailoverMs / 3)
    const isComplete = isDue || !isAllHeld || news !== this.#news || beat.cursor !== String(this.#cursor)
    if (isComplete) await this.#read(items, news, signal)
    const told = isComplete ? [...this.#seen.values()].map(({ lease }) => this.#kcl?.told(lease) ?? lease) : []
    return { cursor: String(this.#cursor), isComplete, leases: told, removed: [], workers: this.#workers(beat) }
  }

  async #create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    const items = await this.#open(signal)
    await items.create(leases, signal)
    if (leases.length > 0) await this.#sessions.announce(signal)
  }

  async #updateAll(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    const items = await this.#open(signal)
    let isNews = updates.some(({ change }) => endsWaits(change))
    try {
      const results = await manyAtOnce(updates, (update) => this.#update(items, update, signal))
      // A conflict may be with a try of ours whose answer was lost.
      isNews = results.some(({ outcome }, i) => outcome !== 'gone' && endsWaits(updates[i]?.change ?? {}))
      return results
    } finally {
      if (isNews) await this.#sessions.announce(signal)
    }
  }

  async #removeAll(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    const items = await this.#open(signal)
    await manyAtOnce(leases, ({ key, epoch }) => this.#remove(items, key, epoch, signal))
    if (leases.length > 0) await this.#sessions.announce(signal)
  }

  /** Once for all who wait for it; what failed is tried with the next call. */
  #open(signal: AbortSignal): Promise<LeaseTableItems> {
    this.#opening ??= this.#openTables(this.#closing.signal).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return untilAborted(this.#opening, signal)
  }

  async #openTables(signal: AbortSignal): Promise<LeaseTableItems> {
    const { client, table, workersTable = `${table}-MillraceWorkers`, keys } = this.#options
    await Promise.all([
      ensureTable(client, table, 'leaseKey', this.#clock, signal),
      ensureTable(client, workersTable, 'worker', this.#clock, signal),
    ])
    if ('account' in keys) return new LeaseTableItems(client, table, longKeys(keys.account))
    return new LeaseTableItems(client, table, await shortKeysOf(keys.service, keys.stream, signal))
  }

  async #read(items: LeaseTableItems, news: string, signal: AbortSignal): Promise<void> {
    const stored = await items.all(signal)
    this.#seen = new Map(stored.map((one) => [one.lease.key, one]))
    this.#kcl?.observe(stored, (worker) => this.#isOurs(worker))
    this.#readAtMs = this.#clock.monotonic()
    this.#news = news
    this.#cursor++
  }

  #isOurs(worker: string): boolean {
    return worker === this.#worker || this.#sessions.isKnown(worker)
  }

  #workers({ worker, capacity }: Beat): readonly LiveWorker[] {
    const others = this.#sessions.live().filter((other) => other.worker !== worker)
    const ofKcl = [...(this.#kcl?.workers() ?? [])].filter((name) => !this.#isOurs(name))
    return [
      { worker, capacity },
      ...others,
      ...ofKcl.map((name) => ({ worker: name, capacity: this.#options.kclCapacity ?? 1, isKcl: true })),
    ]
  }

  /** What is held here is counted up, as a KCL expects of what lives. Says whether all is held indeed. */
  async #countUp(held: readonly Lease[], signal: AbortSignal): Promise<boolean> {
    if (this.#kcl === undefined) return true
    const items = await this.#open(signal)
    const nowMs = this.#clock.monotonic()
    // A beat a second: none gets older than a third, as the KCL has it.
    const due = held.filter(({ key }) => nowMs - (this.#countedAtMs.get(key) ?? -Infinity) >= this.#kclFailoverMs / 4)
    this.#countedAtMs = new Map(held.map(({ key }) => [key, this.#countedAtMs.get(key) ?? -Infinity]))
    const results = await manyAtOnce(due, ({ key, epoch }) => this.#update(items, { key, epoch, change: {} }, signal))
    return results.every(({ outcome }) => outcome === 'updated')
  }

  async #update(
    items: LeaseTableItems,
    { key, epoch, change }: LeaseUpdate,
    signal: AbortSignal,
  ): Promise<LeaseUpdateResult> {
    let stored = this.#seen.get(key)
    if (stored?.lease.epoch !== epoch) stored = await items.read(key, signal)
    const ownerThen = stored?.lease.epoch === epoch ? stored.lease.owner : undefined
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (stored === undefined) return this.#gone(key)
      this.#seen.set(key, stored)
      const { lease } = stored
      const isRequestToKcl = isRequest(change) && this.#kcl?.isHolder(lease.owner ?? '') === true
      // A KCL begins a term with each renewal: who asks it for a lease means the owner.
      const isMeant = lease.epoch === epoch || (isRequestToKcl && lease.owner === ownerThen)
      if (!isMeant || goesBack(lease, change)) return { outcome: 'conflict', lease }
      const done = await items.update(stored, isRequestToKcl ? this.#asked(lease, change) : change, signal)
      if (done !== undefined) {
        this.#seen.set(key, done)
        this.#countedAtMs.set(key, this.#clock.monotonic())
        return { outcome: 'updated', lease: done.lease }
      }
      stored = await items.read(key, signal)
    }
    throw new LeaseStoreError('unavailable', `The lease ${key} was written by others ${TRIES_MAX} times meanwhile.`)
  }

  /** A KCL 2 hears of no wish: the lease is taken, and it notices at its next renewal. */
  #asked(lease: Lease, change: LeaseChange): LeaseChange {
    if (this.#options.kcl !== '2.x') return change
    return { owner: change.heir, heir: undefined, epoch: lease.epoch + 1, ownerSwitches: lease.ownerSwitches + 1 }
  }

  async #remove(items: LeaseTableItems, key: string, epoch: number, signal: AbortSignal): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const stored = await items.read(key, signal)
      if (stored?.lease.epoch !== epoch) return
      if (await items.remove(stored, signal)) break
    }
    this.#gone(key)
  }

  #gone(key: string): LeaseUpdateResult {
    this.#seen.delete(key)
    return { outcome: 'gone' }
  }
}
