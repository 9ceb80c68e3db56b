/**
 * Leases kept by the service itself: Millrace's lease API, on the same port as the streams. One beat a worker keeps its
 * session and waits for news; an idle lease costs nothing.
 */
import { BEAT_WAIT_MAX_MS, BeatSession, type BeatSessionInput, CreateLeases, LeaveSession, RemoveLeases } from '@millrace/protocol' // prettier-ignore
import { asked, type LeaseService } from './lease-service.ts'
import type { Lease, NewLease } from './lease.ts'
import {
  type Beat,
  checkCount,
  type LeaseNews,
  type LeaseStore,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from './lease-store.ts'
import { updateLeases } from './service-applications.ts'
import { fromServiceLease, fromServiceWorker, toServiceLease } from './service-lease.ts'

export interface ServiceLeaseStoreOptions {
  /** Not closed with the store. */
  readonly client: LeaseService
  /** Letters, digits, `_`, `.` and `-`, at most 128. */
  readonly application: string
}

/** Beyond what a beat waits for news: then the worker would rather ask anew than be taken for dead. */
const BEAT_ANSWER_MS = 2_000

export class ServiceLeaseStore implements LeaseStore {
  readonly #client: LeaseService
  readonly application: string
  #worker: string | undefined
  /** As they were told last: they come again only when they are others. */
  #workers: readonly LiveWorker[] = []

  constructor({ client, application }: ServiceLeaseStoreOptions) {
    this.#client = client
    this.application = application
  }

  async beat({ worker, ttlMs, waitMs, cursor, capacity }: Beat, signal: AbortSignal): Promise<LeaseNews> {
    this.#worker = worker
    const session = { Worker: worker, TtlMs: ttlMs, CapacityMilli: Math.round(capacity * 1000) }
    const WaitMs = Math.min(waitMs, BEAT_WAIT_MAX_MS)
    let page = await this.#beatOnce({ ...session, WaitMs, Cursor: cursor }, signal)
    let { IsComplete } = page
    const leases = new Map<string, Lease>()
    const removed = new Set<string>()
    for (;;) {
      for (const key of page.Removed) {
        removed.add(key)
        leases.delete(key)
      }
      for (const lease of page.Leases) {
        removed.delete(lease.LeaseKey)
        leases.set(lease.LeaseKey, fromServiceLease(lease))
      }
      if (page.Workers !== undefined) this.#workers = page.Workers.map(fromServiceWorker)
      if (!page.HasMore) break
      page = await this.#beatOnce({ ...session, WaitMs: 0, Cursor: page.Cursor }, signal)
      // The server began another life meanwhile, and begins anew.
      if (page.IsComplete) {
        IsComplete = true
        leases.clear()
        removed.clear()
      }
    }
    return {
      cursor: page.Cursor,
      isComplete: IsComplete,
      leases: [...leases.values()],
      removed: IsComplete ? [] : [...removed],
      workers: this.#workers,
    }
  }

  async create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    if (leases.length === 0) return
    const input = { ApplicationName: this.application, Leases: leases.map(toServiceLease) }
    await asked(this.#client, CreateLeases, input, { signal })
  }

  async update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    checkCount(updates)
    return updates.length === 0 ? [] : await updateLeases(this.#client, this.application, updates, { signal })
  }

  async remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    if (leases.length === 0) return
    const Leases = leases.map(({ key, epoch }) => ({ LeaseKey: key, Epoch: epoch }))
    await asked(this.#client, RemoveLeases, { ApplicationName: this.application, Leases }, { signal })
  }

  async leave(signal: AbortSignal): Promise<void> {
    if (this.#worker === undefined) return
    await asked(this.#client, LeaveSession, { ApplicationName: this.application, Worker: this.#worker }, { signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Not repeated by the client: the coordinator has its own pace, and counts the session from when it began to ask. */
  #beatOnce(beat: Omit<BeatSessionInput, 'ApplicationName'>, signal: AbortSignal) {
    const timeoutMs = (beat.WaitMs ?? 0) + BEAT_ANSWER_MS
    const input = { ApplicationName: this.application, ...beat }
    return asked(this.#client, BeatSession, input, { signal, timeoutMs, retry: 'none' })
  }
}
