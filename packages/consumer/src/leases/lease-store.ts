/**
 * Where an application keeps its leases. Everything in it may fail, be slow, or have happened although the answer was
 * lost: callers go by what they read next. Implementations pass `lease-store.contract.ts`.
 */
import { assert } from '@millrace/std'
import type { Lease, LeaseChange, NewLease } from './lease.ts'

/** One for an application and a worker. */
export interface LeaseStore extends AsyncDisposable {
  /** Whose leases they are, where the store says: the worker's is compared. */
  readonly application?: string | undefined
  /** Of the streams that its leases call by their names alone, where the store is told; absent: they are the client's. */
  readonly account?: string | undefined
  /**
   * Keeps this worker's place for `ttlMs` more, and tells what is new since `cursor`. Waits for news as long as
   * `waitMs`, where the store can wait; others answer at once. Where it takes long to say, it is told with a later beat, but for the
   * first. The first beat makes the application where there is none.
   * Rejects with a `LeaseStoreError`.
   */
  beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews>
  /** Stores those whose keys are not there yet; the others are left as they are. At most `LEASES_PER_CALL_MAX`. */
  create(leases: readonly NewLease[], signal: AbortSignal): Promise<void>
  /**
   * Each change is made if the stored epoch is the one named, and its checkpoint, where it begins no term, not before the
   * stored one; alone and whole: the answers stand in the order of the changes, and each has the lease as it is now. At most `LEASES_PER_CALL_MAX`. What it answers is durable.
   */
  update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]>
  /** Takes leases away, each if its stored epoch is the one named. */
  remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void>
  /** Gives up this worker's place at once. Its leases must have been released before. */
  leave(signal: AbortSignal): Promise<void>
}

/** Of one call. */
export const LEASES_PER_CALL_MAX = 100

export function checkCount(items: readonly unknown[]): void {
  assert(items.length <= LEASES_PER_CALL_MAX, `at most ${LEASES_PER_CALL_MAX} leases a call, found ${items.length}`)
}

export interface Beat {
  /** Names this life of the worker: unique. At most 128 characters. */
  readonly worker: string
  /** The worker counts as dead when it has not been heard of for so long. */
  readonly ttlMs: number
  /** Wait so long for news. */
  readonly waitMs: number
  /** Of the news before; absent: tell everything. */
  readonly cursor?: string | undefined
  /** What this worker holds. Stores that keep life in each lease (the KCL's table) renew these. */
  readonly held: readonly Lease[]
  /** What the worker takes beside others: 1 is the share of an ordinary one; 0 takes nothing and gives everything away. */
  readonly capacity: number
}

/**
 * Something is news when it matters to who should hold what: leases made or removed, changes of `owner`, `heir`, `epoch` and
 * `paused`, and workers that come, go, or change their capacity. A load ends no wait for news, as a fleet at work has new ones all the
 * time; it is told by the next beat, or when everything is. Checkpoints alone are never told: they come along when the lease is
 * told for another reason, or when everything is.
 */
export interface LeaseNews {
  readonly cursor: string
  /** `leases` are all there are; otherwise those that changed. */
  readonly isComplete: boolean
  readonly leases: readonly Lease[]
  /** Keys of leases that are gone. */
  readonly removed: readonly string[]
  /** All workers that live, this one too. A lease whose owner is not among them is to be taken. */
  readonly workers: readonly LiveWorker[]
}

/** Whether a change is one that ends waits. */
export function endsWaits(change: LeaseChange): boolean {
  return (['owner', 'heir', 'epoch', 'paused'] as const).some((name) => name in change)
}

export interface LiveWorker {
  readonly worker: string
  readonly capacity: number
  /** Of a KCL: it processes leases, and looks after shards by rules of its own. Default: false. */
  readonly isKcl?: boolean | undefined
}

export interface LeaseUpdate {
  readonly key: string
  /** The term that the change was thought of. */
  readonly epoch: number
  readonly change: LeaseChange
}

export type LeaseUpdateResult =
  | { readonly outcome: 'updated'; readonly lease: Lease }
  /** It is in another term, or its checkpoint is farther: the lease as it is now. */
  | { readonly outcome: 'conflict'; readonly lease: Lease }
  | { readonly outcome: 'gone' }

export type LeaseStoreErrorCode = 'throttled' | 'unavailable' | 'denied' | 'invalid' | 'not-found' | 'in-use'

/** `throttled` and `unavailable` pass; the others need somebody. `not-found`: there is no such application. `in-use`: its workers live. */
export class LeaseStoreError extends Error {
  override readonly name = 'LeaseStoreError'
  readonly code: LeaseStoreErrorCode

  constructor(code: LeaseStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  get retryable(): boolean {
    return this.code === 'throttled' || this.code === 'unavailable'
  }
}

/** For who would delete the application. */
export function inUse(application: string, workers: readonly LiveWorker[]): LeaseStoreError {
  const names = workers.map(({ worker }) => worker).join(', ')
  return new LeaseStoreError(
    'in-use',
    `Application ${application} has ${workers.length} live worker${workers.length === 1 ? '' : 's'}: ${names}.`,
  )
}
