import { deferred } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { LeaseStore } from './leases/lease-store.ts'
import { LeaseStoreError } from './leases/lease-store.ts'
import { MemoryLeases } from './leases/memory-lease-store.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import type { WorkerEvent } from './worker-event.ts'
import type { WorkerOptions } from './worker-options.ts'
import { Worker } from './worker.ts'

/** Workers of one application on one virtual clock, each with a stream of its own or the same. */
class Bench {
  readonly clock = new VirtualClock()
  readonly leases = new MemoryLeases(this.clock)
  readonly stream = new SimulatedStream('orders', 2, this.clock)
  readonly events: WorkerEvent[] = []

  worker(workerId: string, options: Partial<WorkerOptions> & { readonly of?: SimulatedStream } = {}): Worker {
    const { of = this.stream, ...more } = options
    return new Worker({
      client: of.service({ throttled: 0, broken: 0 }, seededRandom(1)),
      application: 'billing',
      stream: 'orders',
      leases: this.leases.open(),
      workerId,
      onEvent: (event) => this.events.push(event),
      clock: this.clock,
      random: seededRandom(2),
      ...more,
    })
  }

  /** Timer by timer; what is ready to run always runs first. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.monotonic() + ms
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const due = this.clock.nextDueMs
      if (due === undefined || due > untilMs) break
      this.clock.advance(Math.max(0, due - this.clock.monotonic()))
    }
    this.clock.advance(untilMs - this.clock.monotonic())
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function refusing(store: LeaseStore): { readonly store: LeaseStore; refuse: () => void } {
  let error: LeaseStoreError | undefined
  const refused: LeaseStore = {
    beat: async (beat, signal) => {
      if (error !== undefined) throw error
      return store.beat(beat, signal)
    },
    create: (leases, signal) => store.create(leases, signal),
    update: (updates, signal) => store.update(updates, signal),
    remove: (leases, signal) => store.remove(leases, signal),
    leave: (signal) => store.leave(signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
  return { store: refused, refuse: () => void (error = new LeaseStoreError('denied', 'not any more')) }
}

describe('Worker', () => {
  it('rejects when its shards have come to their ends', async () => {
    const bench = new Bench()
    const { store, refuse } = refusing(bench.leases.open())
    const farewell = deferred<void>()
    const told: string[] = []
    const running = bench.worker('a', { leases: store }).run(() => ({
      processRecords() {},
      leaseLost: async () => {
        await farewell.promise
        told.push('lost')
      },
    }))
    running.catch(() => told.push('rejected'))
    await bench.pass(3_000)
    refuse()
    await bench.pass(3_000)
    expect(told).toEqual([])
    farewell.resolve()
    await bench.pass(100)
    expect(told).toEqual(['lost', 'lost', 'rejected'])
    await expect(running).rejects.toThrow('not any more')
  })

  it('rejects after its grace although a processor does not return', async () => {
    const bench = new Bench()
    const { store, refuse } = refusing(bench.leases.open())
    let isRejected = false
    bench
      .worker('a', { leases: store, finishMs: 100_000 })
      .run(() => ({ processRecords() {}, leaseLost: () => new Promise<void>(() => {}) }))
      .catch(() => (isRejected = true))
    await bench.pass(3_000)
    refuse()
    await bench.pass(29_000)
    expect(isRejected).toBe(false)
    await bench.pass(5_000)
    expect(isRejected).toBe(true)
  })
})
