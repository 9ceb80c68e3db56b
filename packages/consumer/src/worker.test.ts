import { deferred } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { Lease } from './leases/lease.ts'
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

  async stored(): Promise<readonly Lease[]> {
    const beat = { worker: '-', ttlMs: 0, waitMs: 0, held: [], capacity: 0 }
    return (await this.leases.open().beat(beat, new AbortController().signal)).leases
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

  it('leaves a shard at which its processor hangs to another worker', async () => {
    const bench = new Bench()
    const { shardId, record } = bench.stream.put('key', new Uint8Array(1))
    const hanging = bench.worker('a', { hangMs: 2_000 })
    void hanging.run(() => ({ processRecords: () => new Promise<void>(() => {}) }))
    await bench.pass(500)
    const seen: string[] = []
    const other = bench.worker('b')
    void other.run(() => ({
      processRecords({ records }) {
        seen.push(...records.map(({ sequenceNumber }) => sequenceNumber))
      },
    }))
    await bench.pass(15_000)
    expect(seen).toEqual([record.SequenceNumber])
    expect(other.held.some((key) => key.endsWith(shardId))).toBe(true)
    await Promise.all([hanging.stop({ drainMs: 1_000 }), other.stop(), bench.pass(5_000)])
  })

  it('pauses a shard for everybody where the failure policy stops it', async () => {
    const bench = new Bench()
    const { shardId } = bench.stream.put('key', new Uint8Array(1))
    const failure = { retry: { retries: 0 } }
    const worker = bench.worker('a', { failure })
    void worker.run(() => ({
      processRecords() {
        throw new Error('never')
      },
    }))
    await bench.pass(5_000)
    expect((await bench.stored()).find((lease) => lease.shardId === shardId)).toMatchObject({ paused: true })
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })
})
