/** A lease store whose calls are slow, fail before, after or long before they are done, or do not get through at all. */
import { type Clock, type Random, sleep } from '@millrace/std'
import { type LeaseStore, LeaseStoreError } from '../leases/lease-store.ts'

export interface StoreTroubles {
  /** How often a call fails, 0 to 1: half of them were done all the same. */
  failing: number
  /** How often a change is given up by who asked for it, and done later all the same, 0 to 1; and how much later at most, ms. */
  late: number
  lateMs: number
  /** The longest that a call takes, ms. */
  slowMs: number
  /** Nothing gets through. */
  isCut: boolean
}

export function troubledStore(store: LeaseStore, troubles: StoreTroubles, clock: Clock, random: Random): LeaseStore {
  const unavailable = (): LeaseStoreError => new LeaseStoreError('unavailable', 'simulated')
  const call = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (troubles.slowMs > 0) await sleep(clock, random.float() * troubles.slowMs, signal)
    const roll = random.float()
    if (troubles.isCut || roll < troubles.failing / 2) throw unavailable()
    const result = await work()
    // What was done while the way was cut: the answer is lost.
    if (troubles.isCut || roll < troubles.failing) throw unavailable()
    return result
  }
  const change = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (troubles.late === 0 || random.float() >= troubles.late) return call(work, signal)
    void sleep(clock, random.float() * troubles.lateMs).then(work)
    throw unavailable()
  }
  return {
    beat: (beat, signal) => call(() => store.beat(beat, signal), signal),
    create: (leases, signal) => call(() => store.create(leases, signal), signal),
    update: (updates, signal) => change(() => store.update(updates, signal), signal),
    remove: (leases, signal) => call(() => store.remove(leases, signal), signal),
    leave: (signal) => call(() => store.leave(signal), signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
