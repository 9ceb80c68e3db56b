/**
 * What looks after applications from outside, while their workers run or not: `millrace app`. Every store of leases can
 * give one. Nothing here counts as a worker. Everything rejects as a `LeaseStore` does.
 */
import type { LeaseUpdate, LeaseUpdateResult, LiveWorker } from './lease-store.ts'
import type { Lease, NewLease } from './lease.ts'

export interface LeaseAdministration {
  /** By name. */
  list(signal: AbortSignal): Promise<readonly ApplicationSummary[]>
  /** By key. Rejects with a `LeaseStoreError` `not-found` where there is no such application. */
  leases(application: string, signal: AbortSignal): Promise<readonly Lease[]>
  /** As `leases`, with the workers that live; where that is to be seen by looking twice, it takes some seconds. */
  describe(application: string, signal: AbortSignal): Promise<ApplicationView>
  /** As `LeaseStore.create`, any number. */
  create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void>
  /**
   * As `LeaseStore.update`, any number, in any order: what is to be changed before something else is a call by itself. A change that begins a new term takes the lease from its owner, which begins anew
   * from what is stored; where the store says so, another may be quicker.
   */
  update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]>
  /**
   * Takes an application away with all its leases and checkpoints. Rejects with a `LeaseStoreError` `not-found` where there is none, and
   * `in-use` while workers live, unless `force` is set: then those of the service, of DynamoDB and of Redis begin it anew, at
   * their `initialPosition`, and those of PostgreSQL end by an error. A table in DynamoDB stays, without leases.
   */
  delete(application: string, options: { readonly force: boolean }, signal: AbortSignal): Promise<void>
}

export interface ApplicationSummary {
  readonly name: string
  /** Ms since the epoch; absent: unknown. */
  readonly createdAtMs?: number | undefined
  readonly leases: number
  /** That live. */
  readonly workers: number
}

export interface ApplicationView {
  /** By key. */
  readonly leases: readonly Lease[]
  /** That live. */
  readonly workers: readonly LiveWorker[]
}
