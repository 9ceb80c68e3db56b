/** Workers of lease coordinators on one virtual clock and one store in memory, whose shard consumers do as they are told. */
import { type Clock, deferred, silentLogger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import type { HeldLease } from '../leases/held-lease.ts'
import type { ConsumeResult, CoordinatorOptions } from '../leases/coordinator-options.ts'
import { LeaseCoordinator } from '../leases/lease-coordinator.ts'
import type { LeaseStore } from '../leases/lease-store.ts'
import type { Lease, NewLease } from '../leases/lease.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'

const never = new AbortController().signal

export class FakeWorker {
  readonly name: string
  readonly store: LeaseStore
  readonly coordinator: LeaseCoordinator
  /** What its shard consumers hold now, by shard. */
  readonly held = new Map<string, HeldLease>()
  readonly done: Promise<void>
  calls = 0
  /** Every call to the store fails with this, if set. */
  trouble: Error | undefined
  /** Changes of leases are not answered, if set. */
  isUpdateMute = false

  constructor(name: string, leases: MemoryLeases, clock: Clock, options: Partial<CoordinatorOptions>) {
    this.name = name
    this.store = this.#counted(leases.open())
    this.coordinator = new LeaseCoordinator({
      worker: name,
      store: this.store,
      consume: (held) => this.#hold(held),
      balance: 'count',
      leasesMax: Infinity,
      capacity: 1,
      ttlMs: 4_000,
      beatMs: 1_000,
      handoverMs: 30_000,
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      ...options,
    })
    this.done = this.coordinator.run()
    this.done.catch(() => undefined)
  }

  get shards(): readonly string[] {
    return [...this.held.keys()].sort()
  }

  /** Ends when it is asked to, or has ended its shard, at once. */
  async #hold(held: HeldLease): Promise<ConsumeResult> {
    this.held.set(held.lease.shardId, held)
    const ended = deferred<ConsumeResult>()
    const end = held.end.bind(held)
    held.end = async (children) => {
      await end(children)
      ended.resolve('ended')
    }
    if (held.release.aborted) ended.resolve('released')
    held.release.addEventListener('abort', () => ended.resolve('released'))
    held.lost.addEventListener('abort', () => ended.resolve('lost'))
    const result = await ended.promise
    this.held.delete(held.lease.shardId)
    return result
  }

  #counted(store: LeaseStore): LeaseStore {
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      this.calls++
      if (this.trouble !== undefined) throw this.trouble
      return work()
    }
    return {
      beat: (beat, signal) => call(() => store.beat(beat, signal)),
      create: (leases, signal) => call(() => store.create(leases, signal)),
      update: (updates, signal) =>
        call(() => (this.isUpdateMute ? new Promise<never>(() => {}) : store.update(updates, signal))),
      remove: (leases, signal) => call(() => store.remove(leases, signal)),
      leave: (signal) => call(() => store.leave(signal)),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
  }
}

export class FakeFleet {
  readonly clock = new VirtualClock()
  readonly leases = new MemoryLeases(this.clock)
  readonly workers: FakeWorker[] = []
  readonly #operator = this.leases.open()

  add(name: string, options: Partial<CoordinatorOptions> = {}): FakeWorker {
    const worker = new FakeWorker(name, this.leases, this.clock, options)
    this.workers.push(worker)
    return worker
  }

  create(leases: readonly NewLease[]): Promise<void> {
    return this.#operator.create(leases, never)
  }

  /** As somebody who is no worker. */
  async change(shardId: string, change: (lease: Lease) => Partial<Lease>): Promise<void> {
    const lease = (await this.stored()).find((one) => one.shardId === shardId) as Lease
    await this.#operator.update([{ key: lease.key, epoch: lease.epoch, change: change(lease) }], never)
  }

  async stored(): Promise<readonly Lease[]> {
    const { leases } = await this.#operator.beat({ worker: '-', ttlMs: 0, waitMs: 0, held: [], capacity: 0 }, never)
    return leases
  }

  /** Lets time pass, timer by timer; what is ready to run always runs first. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.monotonic() + ms
    for (;;) {
      await settled()
      const due = this.clock.nextDueMs
      if (due === undefined || due > untilMs) break
      this.clock.advance(Math.max(0, due - this.clock.monotonic()))
    }
    this.clock.advance(untilMs - this.clock.monotonic())
    await settled()
  }

  /** Until `check` holds; the time that it took, ms. */
  async until(check: () => boolean, msMax = 60_000): Promise<number> {
    const startMs = this.clock.monotonic()
    await settled()
    while (!check()) {
      if (this.clock.monotonic() - startMs > msMax) throw new Error(`not after ${msMax} ms`)
      await this.pass(10)
    }
    return this.clock.monotonic() - startMs
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
