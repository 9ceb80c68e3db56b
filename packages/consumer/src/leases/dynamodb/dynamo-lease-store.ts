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
import { BackgroundWork } from './background-work.ts'
import { longKeys, shortKeysOf } from './item-keys.ts'
import { KclLeases } from './kcl-leases.ts'
import { isRequest, type StoredLease } from './lease-item.ts'
import { LeaseTableItems } from './lease-table-items.ts'
import { manyAtOnce } from './many-at-once.ts'
import type { DynamoLeaseStoreOptions } from './options.ts'
import { PagePace } from './page-pace.ts'
import { Sessions } from './sessions.ts'
import { ensureTable } from './tables.ts'

/** Of a call of this store, with all that it needs. */
const CALL_MS_MAX = 10_000
/** Of one change, when the lease is written within its term by others meanwhile. */
const TRIES_MAX = 10
/** Where no KCL is: what a crash of its writer left unannounced is found so late. */
const READ_MS = 10_000
/** Of a session's life, how long a beat waits until the table is read or counted up: what comes then is told by a later beat. */
const WAIT_SHARE = 1 / 8
const WAIT_MS_MAX = 4_000

export class DynamoLeaseStore implements LeaseStore {
  readonly account: string | undefined
  readonly #options: DynamoLeaseStoreOptions
  readonly #clock: Clock
  readonly #sessions: Sessions
  /** Absent: no KCL. */
  readonly #kcl: KclLeases | undefined
  readonly #kclFailoverMs: number
  readonly #closing = new AbortController()
  /** What goes on beside the beats ends with the session. */
  #leaving = new AbortController()
  readonly #pace: PagePace
  readonly #reading: BackgroundWork
  readonly #counting: BackgroundWork
  #opening: Promise<LeaseTableItems> | undefined
  #worker: string | undefined
  /** As they were read or written last. */
  #seen = new Map<string, StoredLease>()
  /** Keys of what this store has written, or found gone, since the table is being read: the read may tell it as it was before. */
  #changedSince = new Set<string>()
  /** Whatever the news are. */
  #isReadWanted = true
  /** When this worker counted a lease up, by key. */
  #countedAtMs = new Map<string, number>()
  /** How much there was when the leases were read last, and when somebody looked. */
  #news: string | undefined
  #heard = '0'
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
    this.#pace = new PagePace(clock)
    this.#reading = new BackgroundWork(clock)
    this.#counting = new BackgroundWork(clock)
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
    this.#leaving.abort(new LeaseStoreError('unavailable', 'The worker has left.'))
    this.#leaving = new AbortController()
    // Whoever beats next knows nothing.
    this.#cursor = 0
    if (worker !== undefined) await this.#bounded(signal, (bounded) => this.#sessions.leave(worker, bounded))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort(new LeaseStoreError('unavailable', 'The lease store was closed.'))
    this.#closing.abort(new LeaseStoreError('unavailable', 'The lease store was closed.'))
  }

  #bounded<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withinMs(this.#clock, CALL_MS_MAX, signal, work)
  }

  /** The session is kept and heard of by two small calls, however long the table takes beside them. */
  async #beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    this.#worker = beat.worker
    const items = await this.#open(signal)
    const waitMs = Math.min(beat.ttlMs * WAIT_SHARE, WAIT_MS_MAX)
    if (this.#kcl !== undefined) this.#counting.begin(() => this.#countUp(items, beat.held))
    await Promise.all([this.#keep(beat, signal), this.#counting.wait(waitMs, signal)])
    this.#heard = await this.#sessions.look(signal)
    this.#isReadWanted ||= beat.cursor === undefined
    const isDue =
      this.#clock.monotonic() - this.#readAtMs >= (this.#kcl === undefined ? READ_MS : this.#kclFailoverMs / 3)
    if (isDue || this.#isReadWanted || this.#heard !== this.#news) this.#reading.begin(() => this.#read(items))
    // Who is told of no leases makes new ones.
    await this.#reading.wait(this.#cursor === 0 ? undefined : waitMs, signal)
    const isComplete = beat.cursor !== String(this.#cursor)
    const told = isComplete ? [...this.#seen.values()].map(({ lease }) => this.#kcl?.told(lease) ?? lease) : []
    return { cursor: String(this.#cursor), isComplete, leases: told, removed: [], workers: this.#workers(beat) }
  }

  async #keep(beat: Beat, signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonic()
    await this.#sessions.keep(beat, signal)
    this.#pace.small(this.#clock.monotonic() - startMs)
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
    if ('account' in keys) return new LeaseTableItems(client, table, longKeys(keys.account), this.#pace)
    return new LeaseTableItems(client, table, await shortKeysOf(keys.service, keys.stream, signal), this.#pace)
  }

  async #read(items: LeaseTableItems): Promise<void> {
    const news = this.#heard
    this.#changedSince = new Set()
    this.#isReadWanted = false
    const stored = await items.all(this.#leaving.signal).catch((error: unknown) => {
      this.#isReadWanted = true
      throw error
    })
    const seen = new Map(stored.map((one) => [one.lease.key, one]))
    for (const key of this.#changedSince) {
      const known = this.#seen.get(key)
      if (known === undefined) seen.delete(key)
      else if (known.lease.version > (seen.get(key)?.lease.version ?? -1)) seen.set(key, known)
    }
    this.#seen = seen
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

  /** What is held here is counted up, as a KCL expects of what lives. What turns out to be another's has the table read. */
  async #countUp(items: LeaseTableItems, held: readonly Lease[]): Promise<void> {
    const nowMs = this.#clock.monotonic()
    // A beat a second: none gets older than a third, as the KCL has it.
    const due = held.filter(({ key }) => nowMs - (this.#countedAtMs.get(key) ?? -Infinity) >= this.#kclFailoverMs / 4)
    this.#countedAtMs = new Map(held.map(({ key }) => [key, this.#countedAtMs.get(key) ?? -Infinity]))
    const results = await this.#bounded(this.#leaving.signal, (bounded) =>
      manyAtOnce(due, ({ key, epoch }) => this.#update(items, { key, epoch, change: {} }, bounded)),
    )
    this.#isReadWanted ||= results.some(({ outcome }) => outcome !== 'updated')
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
      this.#note(key, stored)
      const { lease } = stored
      const isRequestToKcl = isRequest(change) && this.#kcl?.isHolder(lease.owner ?? '') === true
      // A KCL begins a term with each renewal: who asks it for a lease means the owner.
      const isMeant = lease.epoch === epoch || (isRequestToKcl && lease.owner === ownerThen)
      if (!isMeant || goesBack(lease, change)) return { outcome: 'conflict', lease }
      const done = await items.update(stored, isRequestToKcl ? this.#asked(lease, change) : change, signal)
      if (done !== undefined) {
        this.#note(key, done)
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

  #note(key: string, stored: StoredLease): void {
    this.#seen.set(key, stored)
    this.#changedSince.add(key)
  }

  #gone(key: string): LeaseUpdateResult {
    this.#seen.delete(key)
    this.#changedSince.add(key)
    return { outcome: 'gone' }
  }
}
