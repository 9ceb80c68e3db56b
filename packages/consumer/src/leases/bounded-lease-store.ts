/**
 * A store whose calls end in time: one that has not answered after a third of a session's life counts as away, so that there
 * is time for another try before the session is over. What was asked may be done all the same.
 */
import type { Clock } from '@millrace/std'
import { CallSize } from './call-size.ts'
import type { LeaseStore } from './lease-store.ts'
import { withinMs } from './within-ms.ts'

export function boundedLeaseStore(store: LeaseStore, clock: Clock, ttlMs: number): LeaseStore {
  const limitMs = ttlMs / 3
  const [created, removed] = [new CallSize(), new CallSize()]
  return {
    beat: (beat, signal) => withinMs(clock, limitMs + beat.waitMs, signal, (within) => store.beat(beat, within)),
    create: (leases, signal) =>
      created.inCalls(leases, (some) => withinMs(clock, limitMs, signal, (within) => store.create(some, within))),
    update: (updates, signal) => withinMs(clock, limitMs, signal, (within) => store.update(updates, within)),
    remove: (leases, signal) =>
      removed.inCalls(leases, (some) => withinMs(clock, limitMs, signal, (within) => store.remove(some, within))),
    leave: (signal) => withinMs(clock, limitMs, signal, (within) => store.leave(within)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
