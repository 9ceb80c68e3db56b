/**
 * Leases in PostgreSQL, 12 or later. Sessions end by the database's clock. A beat is one statement, more where there is news; any
 * number of leases is changed by one.
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
import type { Lease, NewLease } from '../lease.ts'
import { NewsBell } from '../news-bell.ts'
import { columnsOf, leaseOfRow } from './lease-row.ts'
import type { PostgresPool, Row } from './pool.ts'
import { called, queried, storeError } from './postgres-calls.ts'
import { type Statements, statementsFor } from './statements.ts'
import { CHANNEL, WakeUp } from './wake-up.ts'

export interface PostgresLeaseStoreOptions {
  /** A `Pool` of `pg`. It is not ended with the store, which holds one connection of it while it listens. */
  readonly pool: PostgresPool
  /** Its workers share the leases. */
  readonly application: string
  /** Where the tables are; made where they are missing. Default: `public`. */
  readonly schema?: string | undefined
  /** False: without a connection of its own; news is heard by the next beat. Default: true. */
  readonly listens?: boolean | undefined
  readonly clock?: Clock | undefined
}

interface State {
  readonly news: number
  readonly announced: number
  /** When leases were taken away last, as a number of news. */
  readonly removed: number
  readonly workers: readonly LiveWorker[]
  /** Until the first session of another ends, ms. */
  readonly leftMs: number
}

export class PostgresLeaseStore implements LeaseStore {
  readonly #pool: PostgresPool
  readonly application: string
  readonly #clock: Clock
  readonly #sql: Statements
  readonly #payload: string
  readonly #bell: NewsBell
  readonly #wakeUp: WakeUp | undefined
  #opening: Promise<void> | undefined
  /** The last one, until the database is done with it. */
  #beating: Promise<unknown> | undefined
  #told: LiveWorker | undefined

  constructor({
    pool,
    application,
    schema = 'public',
    listens = true,
    clock = systemClock,
  }: PostgresLeaseStoreOptions) {
    this.#pool = pool
    this.application = application
    this.#clock = clock
    this.#sql = statementsFor(schema)
    this.#payload = `${schema}.${application}`
    this.#bell = new NewsBell(clock)
    this.#wakeUp = listens ? new WakeUp(pool, this.#payload, this.#bell) : undefined
  }

  async beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    const { worker, capacity, ttlMs, waitMs, cursor } = beat
    await this.#open(signal)
    if (waitMs > 0 && this.#wakeUp !== undefined) await this.#call(() => this.#wakeUp?.listen(), signal)
    this.#bell.arm()
    signal.throwIfAborted()
    const sent = this.#pool.query(this.#sql.beat, [this.application, worker, capacity, ttlMs])
    this.#beating = sent.catch(() => undefined)
    let state = this.#stateOf((await this.#call(() => sent, signal)).rows, beat)
    if (this.#told?.worker !== worker || this.#told.capacity !== capacity) await this.#announce(signal)
    this.#told = { worker, capacity }
    if (this.#wakeUp !== undefined && waitMs > 0 && Number(cursor ?? -1) >= state.announced) {
      const isHeard = await this.#bell.wait(Math.min(waitMs, state.leftMs), signal)
      // Nothing is new, and no session has ended: what was read stands.
      if (isHeard || state.leftMs <= waitMs)
        state = this.#stateOf(await this.#query(this.#sql.look, [this.application], signal), beat)
    }
    const seen = Number(cursor ?? -1)
    const isComplete = seen < state.removed
    const { news, workers } = state
    const rows = isComplete
      ? await this.#query(this.#sql.all, [this.application], signal)
      : seen < news
        ? await this.#query(this.#sql.since, [this.application, seen], signal)
        : []
    return { cursor: String(news), isComplete, leases: rows.map(leaseOfRow), removed: [], workers }
  }

  async create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    await this.#open(signal)
    const rows = leases.map((lease) => ({ key: lease.key, columns: columnsOf({ ...EMPTY, ...lease }) }))
    await this.#query(this.#sql.create, [this.application, JSON.stringify(rows)], signal)
    await this.#announce(signal)
  }

  async update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    checkCount(updates)
    await this.#open(signal)
    const rows = updates.map(({ key, epoch, change }) => ({
      key,
      epoch,
      news: endsWaits(change) || 'loadKiBps' in change,
      columns: columnsOf(change),
    }))
    const isNumbered = rows.some(({ news }) => news)
    const isNews = updates.some(({ change }) => endsWaits(change))
    const values = [this.application, JSON.stringify(rows), isNumbered, isNews]
    const done = await this.#query(this.#sql.update, values, signal)
    if (isNews && done.length > 0) await this.#announce(signal)
    const updated = new Map(done.map((row) => [row['key'] as string, leaseOfRow(row)]))
    const others = updates.filter(({ key }) => !updated.has(key)).map(({ key }) => key)
    const found = others.length === 0 ? [] : await this.#query(this.#sql.named, [this.application, others], signal)
    const conflicting = new Map(found.map((row) => [row['key'] as string, leaseOfRow(row)]))
    return updates.map(({ key }): LeaseUpdateResult => {
      const lease = updated.get(key)
      if (lease !== undefined) return { outcome: 'updated', lease }
      const conflict = conflicting.get(key)
      return conflict === undefined ? { outcome: 'gone' } : { outcome: 'conflict', lease: conflict }
    })
  }

  async remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    await this.#open(signal)
    const rows = leases.map(({ key, epoch }) => ({ key, epoch }))
    await this.#query(this.#sql.remove, [this.application, JSON.stringify(rows)], signal)
    await this.#announce(signal)
  }

  async leave(signal: AbortSignal): Promise<void> {
    if (this.#told === undefined) return
    // One that nobody waits for any more may still be under way, and would keep the session that is left.
    await this.#call(() => this.#beating, signal)
    await this.#query(this.#sql.leave, [this.application, this.#told.worker], signal)
    await this.#announce(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wakeUp?.close()
  }

  /** Once for all who wait for it; what failed is tried with the next call. */
  #open(signal: AbortSignal): Promise<void> {
    this.#opening ??= this.#make().catch((error: unknown) => {
      this.#opening = undefined
      throw storeError(error)
    })
    return untilAborted(this.#opening, signal)
  }

  async #make(): Promise<void> {
    // Whoever may not make tables may use those that are there.
    if (!(await this.#isMade())) {
      try {
        await this.#pool.query(this.#sql.make)
      } catch (error) {
        // Who waits for another to make them may still be told of duplicates.
        if (!(await this.#isMade())) throw error
      }
    }
    await this.#pool.query(this.#sql.enter, [this.application])
  }

  async #isMade(): Promise<boolean> {
    const { rows } = await this.#pool.query(this.#sql.exists)
    return rows[0]?.['exists'] === true
  }

  #announce(signal: AbortSignal): Promise<unknown> {
    return this.#query('SELECT pg_notify($1, $2)', [CHANNEL, this.#payload], signal)
  }

  #stateOf([row]: readonly Row[], { worker, capacity }: Beat): State {
    if (row === undefined)
      throw new LeaseStoreError('invalid', `The application ${this.application} was deleted under its workers.`)
    const sessions = row['workers'] as readonly (LiveWorker & { readonly leftMs: number })[]
    const others = sessions.filter((other) => other.worker !== worker)
    return {
      news: Number(row['news']),
      announced: Number(row['announced']),
      removed: Number(row['removed']),
      workers: [{ worker, capacity }, ...others.map((other) => ({ worker: other.worker, capacity: other.capacity }))],
      leftMs: Math.min(...others.map(({ leftMs }) => leftMs + 1)),
    }
  }

  #query(text: string, values: unknown[], signal: AbortSignal): Promise<readonly Row[]> {
    return queried(this.#pool, this.#clock, text, values, signal)
  }

  #call<T>(work: () => Promise<T> | undefined, signal: AbortSignal): Promise<T> {
    return called(this.#clock, work, signal)
  }
}

/** What a new lease may leave out. */
const EMPTY = {
  owner: undefined,
  heir: undefined,
  pending: undefined,
  startTimeMs: undefined,
  hashKeyRange: undefined,
  loadKiBps: undefined,
}
