/**
 * What looks after applications from outside, while their workers run or not: `millrace app`. Every store of leases can
 * give one. Nothing here counts as a worker. Everything rejects as a `LeaseStore` does.
 */
import type { LeaseUpdate, LeaseUpdateResult, LiveWorker } from './lease-store.ts'
import type { Lease, NewLease } from './lease.ts'

export interface LeaseAdministration {
  /** By name. */
  list(signal: AbortSignal): Promise<readonly ApplicationSummary[]>
  /** Rejects with a `LeaseStoreError` `invalid` where there is no such application. */
  describe(application: string, signal: AbortSignal): Promise<ApplicationView>
  /** As `LeaseStore.create`, any number. */
  create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void>
  /** As `LeaseStore.update`, any number. */
  update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]>
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
