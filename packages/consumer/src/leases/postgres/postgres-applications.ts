/** Applications whose leases PostgreSQL keeps, for whoever looks after them. Makes no tables and no application. */
import { type Clock, systemClock } from '@millrace/std'
import type { ApplicationSummary, ApplicationView, LeaseAdministration } from '../lease-administration.ts'
import {
  inUse,
  LEASES_PER_CALL_MAX,
  LeaseStoreError,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from '../lease-store.ts'
import type { Lease, NewLease } from '../lease.ts'
import { leaseOfRow } from './lease-row.ts'
import type { PostgresPool, Row } from './pool.ts'
import { queried } from './postgres-calls.ts'
import { PostgresLeaseStore } from './postgres-lease-store.ts'
import { type Statements, statementsFor } from './statements.ts'

export interface PostgresApplicationsOptions {
  /** A `Pool` of `pg`. It is not ended with this. */
  readonly pool: PostgresPool
  /** Where the tables are. Default: `public`. */
  readonly schema?: string | undefined
  readonly clock?: Clock | undefined
}

export class PostgresApplications implements LeaseAdministration {
  readonly #options: PostgresApplicationsOptions
  readonly #clock: Clock
  readonly #sql: Statements

  constructor(options: PostgresApplicationsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#sql = statementsFor(options.schema ?? 'public')
  }

  /** None where the tables are not there. */
  async list(signal: AbortSignal): Promise<readonly ApplicationSummary[]> {
    if (!(await this.#isMade(signal))) return []
    const rows = await this.#query(this.#sql.applications, [], signal)
    return rows.map((row) => ({
      name: row['application'],
      leases: Number(row['leases']),
      workers: Number(row['workers']),
    }))
  }

  async leases(application: string, signal: AbortSignal): Promise<readonly Lease[]> {
    return (await this.describe(application, signal)).leases
  }

  async describe(application: string, signal: AbortSignal): Promise<ApplicationView> {
    const state = await this.#look(application, signal)
    const leases = (await this.#query(this.#sql.all, [application], signal)).map(leaseOfRow)
    return {
      leases: leases.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      workers: (state['workers'] as readonly LiveWorker[]).map(({ worker, capacity }) => ({ worker, capacity })),
    }
  }

  async create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    const store = await this.#open(application, signal)
    for (let at = 0; at < leases.length; at += LEASES_PER_CALL_MAX)
      await store.create(leases.slice(at, at + LEASES_PER_CALL_MAX), signal)
  }

  async update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]> {
    const store = await this.#open(application, signal)
    const results: LeaseUpdateResult[] = []
    for (let at = 0; at < updates.length; at += LEASES_PER_CALL_MAX)
      results.push(...(await store.update(updates.slice(at, at + LEASES_PER_CALL_MAX), signal)))
    return results
  }

  async delete(application: string, { force }: { readonly force: boolean }, signal: AbortSignal): Promise<void> {
    const state = await this.#look(application, signal)
    const deleted = await this.#query(this.#sql.delete, [application, force], signal)
    if (deleted.length === 0) throw inUse(application, state['workers'] as readonly LiveWorker[])
    await this.#query(this.#sql.sweep, [application], signal)
  }

  /** It holds nothing that would have to be closed. By itself it would make the tables and the application. */
  async #open(application: string, signal: AbortSignal): Promise<PostgresLeaseStore> {
    await this.#look(application, signal)
    return new PostgresLeaseStore({ ...this.#options, application, listens: false })
  }

  async #look(application: string, signal: AbortSignal): Promise<Row> {
    const [state] = (await this.#isMade(signal)) ? await this.#query(this.#sql.look, [application], signal) : []
    if (state === undefined)
      throw new LeaseStoreError('not-found', `Expected an application ${application}, found none.`)
    return state
  }

  async #isMade(signal: AbortSignal): Promise<boolean> {
    const [row] = await this.#query(this.#sql.exists, [], signal)
    return row?.['exists'] === true
  }

  #query(text: string, values: unknown[], signal: AbortSignal): Promise<readonly Row[]> {
    return queried(this.#options.pool, this.#clock, text, values, signal)
  }
}
