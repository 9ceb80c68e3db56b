/** What tests of whole workers begin with: a clock, leases and a stream in memory, and services and stores that misbehave. */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import type { Lease } from '../leases/lease.ts'
import { type LeaseStore, LeaseStoreError } from '../leases/lease-store.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import type { StreamService } from '../service.ts'
import type { WorkerEvent } from '../worker-event.ts'
import type { WorkerOptions } from '../worker-options.ts'
import { Worker } from '../worker.ts'
import { passTime } from './pass-time.ts'
import { serviceOf } from './service-of.ts'
import { SimulatedStream } from './simulated-stream.ts'

/** Workers of one application on one virtual clock, each with a stream of its own or the same. */
export class Bench {
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

  async pass(ms: number): Promise<void> {
    await passTime(this.clock, ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export function ofStreams(...streams: readonly SimulatedStream[]): StreamService {
  return serviceOf(streams)
}

/** A store that, from `refuse` on, refuses beats for good. */
export function refusing(store: LeaseStore): { readonly store: LeaseStore; refuse: () => void } {
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
