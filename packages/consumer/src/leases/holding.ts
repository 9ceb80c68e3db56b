/**
 * The coordinator's side of a lease that this worker holds: what its shard consumer sees as `HeldLease`, fenced.
 *
 * Invariant: a change is stored only in our own term; what the store answers about another term ends this holding.
 */
import type { ChildShard } from '@millrace/protocol'
import { backoffMs, type Clock, type Random, sleep, withAnySignal } from '@millrace/std'
import { type ExtendedSequenceNumber, isSentinel, isShardEnd, SHARD_END } from '../extended-sequence-number.ts'
import { newLease } from '../shards/lineage.ts'
import { type HeldLease, LeaseLostError, type ReleaseReason } from './held-lease.ts'
import { leaseKey, parseLeaseKey } from './lease-key.ts'
import type { LeaseTable } from './lease-table.ts'
import { type LeaseStore, LeaseStoreError } from './lease-store.ts'
import type { Lease, LeaseChange, NewLease, PendingCheckpoint } from './lease.ts'
import { givenTo } from './terms.ts'

export interface HoldingContext {
  readonly worker: string
  /** What others do with loads: with `count` nothing, and none is told. */
  readonly balance: 'count' | 'load'
  readonly store: LeaseStore
  readonly table: LeaseTable
  readonly clock: Clock
  readonly random: Random
  /** Aborted when the worker ends without waiting for anything. */
  readonly signal: AbortSignal
}

/** Between tries of a store that fails. */
const RETRY = { baseMs: 50, maxMs: 1_000 }
/** How much of the average load is the newest part. The KCL's. */
const LOAD_ALPHA = 0.5
const LOAD_INTERVAL_MS = 5_000
const LOAD_CHANGE_MIN = 0.25

export class Holding implements HeldLease {
  readonly #context: HoldingContext
  readonly #lost = new AbortController()
  readonly #release = new AbortController()
  #lease: Lease
  /** Changes of one lease are made one after another. */
  #last: Promise<unknown> = Promise.resolve()
  #bytes = 0
  #measuredAtMs: number
  #loadKiBps: number | undefined
  #releaseMs: number | undefined
  #isEnding = false
  /** SHARD_END is stored: what happens to the lease from now on is no loss. */
  #isEnded = false

  constructor(lease: Lease, context: HoldingContext) {
    this.#lease = lease
    this.#context = context
    this.#measuredAtMs = context.clock.monotonic()
    this.#loadKiBps = lease.loadKiBps
  }

  get lease(): Lease {
    return this.#lease
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  get release(): AbortSignal {
    return this.#release.signal
  }

  get releaseMs(): number | undefined {
    return this.#releaseMs
  }

  delivered(bytes: number): void {
    this.#bytes += bytes
  }

  async checkpoint(place: ExtendedSequenceNumber, pending?: PendingCheckpoint): Promise<void> {
    // Where the lease begins, as long as nothing is processed, is no progress, and its time stays.
    const progress = isSentinel(place) ? {} : { checkpoint: place, startTimeMs: undefined, ownerSwitches: 0 }
    await this.#change({ ...progress, pending, ...this.#load() })
  }

  beginAt(startTimeMs: number): Promise<void> {
    return this.#change({ startTimeMs })
  }

  async end(children: readonly ChildShard[]): Promise<void> {
    const leases = this.#leasesOf(children)
    if (leases.length > 0) await this.#whileHeld((signal) => this.#context.store.create(leases, signal))
    this.#isEnding = true
    await this.#change({
      checkpoint: SHARD_END,
      pending: undefined,
      startTimeMs: undefined,
      children: children.map(({ ShardId }) => ShardId),
      owner: undefined,
      heir: undefined,
      epoch: this.#lease.epoch + 1,
      ownerSwitches: 0,
    })
    this.#isEnded = true
  }

  /**
   * Gives the lease to whoever asked for it and lives, else to nobody; also when the holding is lost for a reason of its
   * own, unless the store has it in another term already.
   */
  async giveUp(): Promise<void> {
    const { store, table, signal } = this.#context
    await this.#last
    const update = givenTo(table.heirOf(table.get(this.#lease.key) ?? this.#lease), this.#lease)
    const [result] = await this.#untilDone((within) => store.update([update], within), signal)
    if (result !== undefined && result.outcome !== 'gone') table.put(result.lease)
    this.lose('it was given up')
  }

  /** The failure policy ended the shard: the lease is kept, and nobody processes it until somebody resumes it. */
  pause(): Promise<void> {
    return this.#change({ paused: true })
  }

  /** The stored lease as it was read. Says whether it is still ours. */
  observe(lease: Lease | undefined): boolean {
    // News of it, or a call whose answer was lost: nobody but the owner ends a shard.
    if (this.#isEnding && lease !== undefined && isShardEnd(lease.checkpoint)) this.#isEnded = true
    if (this.#isEnded) return false
    if (lease === undefined || lease.owner !== this.#context.worker || lease.epoch !== this.#lease.epoch) {
      this.lose(
        lease === undefined
          ? 'it was removed'
          : `it is ${lease.owner === undefined ? 'nobody’s' : `${lease.owner}’s`} now`,
      )
      return false
    }
    if (lease.version > this.#lease.version) this.#lease = lease
    return true
  }

  lose(why: string): void {
    const { key } = this.#lease
    if (!this.#isEnded && !this.#lost.signal.aborted)
      this.#lost.abort(new LeaseLostError(key, `The lease ${key} is lost: ${why}.`))
  }

  /** `withinMs` absent: as the consumer chooses. Once: the first reason holds. */
  askToRelease(reason: ReleaseReason, withinMs?: number): void {
    if (this.#release.signal.aborted) return
    this.#releaseMs = withinMs
    this.#release.abort(reason)
  }

  #change(change: LeaseChange): Promise<void> {
    const done = this.#last.then(() => this.#changeNow(change))
    this.#last = done.catch(() => undefined)
    return done
  }

  async #changeNow(change: LeaseChange): Promise<void> {
    const { store, table } = this.#context
    const { key, epoch } = this.#lease
    const [result] = await this.#whileHeld((signal) => store.update([{ key, epoch, change }], signal))
    if (result === undefined || result.outcome === 'gone') table.drop(key)
    else table.put(result.lease)
    if (result?.outcome === 'updated') this.#lease = result.lease
    else if (this.observe(table.get(key))) this.lose('its checkpoint is farther in the store')
    if (result?.outcome !== 'updated' && !this.#isEnded) this.#lost.signal.throwIfAborted()
  }

  #whileHeld<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withAnySignal([this.#lost.signal, this.#context.signal], (signal) => this.#untilDone(work, signal))
  }

  /** What fails and passes is tried again until the signal is aborted. */
  async #untilDone<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.#context
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      try {
        return await work(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof LeaseStoreError) || !error.retryable) throw error
        await sleep(clock, backoffMs(attempt, RETRY, random), signal)
      }
    }
  }

  /**
   * A child of two parents waits for the lease of the other one, which may not be made yet: a parent without a lease counts
   * as processed. Whoever ends the other parent makes it then, or the next look at the shards does.
   */
  #leasesOf(children: readonly ChildShard[]): readonly NewLease[] {
    const parts = parseLeaseKey(this.#lease.key)
    if (parts === undefined) return []
    const { table } = this.#context
    return children
      .filter(({ ParentShards }) =>
        ParentShards.every((shardId) => table.get(leaseKey({ ...parts, shardId })) !== undefined),
      )
      .map((child) => ({ ...newLease(parts, child, 'oldest'), parents: child.ParentShards }))
  }

  /** With each beat: the load of a shard that has no checkpoint to be told with, as nothing comes any more. */
  measure(): void {
    const silentMs = this.#context.clock.monotonic() - this.#measuredAtMs
    if (silentMs < 2 * LOAD_INTERVAL_MS || this.#isEnding || this.#lost.signal.aborted) return
    const change = this.#load()
    // What the store answers of another term has ended this holding.
    if (change.loadKiBps !== undefined) void this.#change(change).catch(() => undefined)
  }

  /** Told when it is another one, and somebody goes by it: every worker hears of it. */
  #load(): Pick<LeaseChange, 'loadKiBps'> {
    if (this.#context.balance === 'count') return {}
    const nowMs = this.#context.clock.monotonic()
    const elapsedMs = nowMs - this.#measuredAtMs
    if (elapsedMs < LOAD_INTERVAL_MS) return {}
    const now = this.#bytes / 1024 / (elapsedMs / 1000)
    this.#loadKiBps = this.#loadKiBps === undefined ? now : this.#loadKiBps + LOAD_ALPHA * (now - this.#loadKiBps)
    this.#bytes = 0
    this.#measuredAtMs = nowMs
    const told = this.#lease.loadKiBps ?? 0
    const isAnother = Math.abs(this.#loadKiBps - told) > Math.max(1, told * LOAD_CHANGE_MIN)
    return isAnother ? { loadKiBps: Math.round(this.#loadKiBps * 10) / 10 } : {}
  }
}
