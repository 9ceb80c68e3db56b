/**
 * A lease store of which every call is told: how long it took, whether it was answered, and what it was about. What its
 * caller broke off is not told.
 */
import type { Clock } from '@millrace/std'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { LeaseStore, LeaseUpdate, LeaseUpdateResult } from '../leases/lease-store.ts'
import type { StoreCall, StoreCallEvent } from '../worker-event.ts'

export function toldLeaseStore(
  store: LeaseStore,
  worker: string,
  clock: Clock,
  tell: (event: StoreCallEvent) => void,
): LeaseStore {
  const call = async <T>(
    signal: AbortSignal,
    work: () => Promise<T>,
    about: (answer: { readonly result: T } | undefined) => readonly About[],
  ): Promise<T> => {
    const begin = clock.monotonic()
    const told = (answer?: { readonly result: T }, failure: { readonly error?: unknown } = {}): void => {
      const durationMs = clock.monotonic() - begin
      for (const one of about(answer))
        tell({ kind: 'store-call', isAnswered: answer !== undefined, durationMs, ...failure, ...one })
    }
    try {
      const result = await work()
      told({ result })
      return result
    } catch (error) {
      if (!signal.aborted) told(undefined, { error })
      throw error
    }
  }
  const ofAll = (kind: StoreCall, leases: number) => (answer: unknown) => [
    { call: kind, leases, done: answer === undefined ? 0 : leases },
  ]
  return {
    beat: (beat, signal) => call(signal, () => store.beat(beat, signal), ofAll('beat', beat.held.length)),
    create: (leases, signal) => call(signal, () => store.create(leases, signal), ofAll('create', leases.length)),
    update: (updates, signal) =>
      call(
        signal,
        () => store.update(updates, signal),
        (answer) => aboutUpdates(updates, answer?.result, worker),
      ),
    remove: (leases, signal) => call(signal, () => store.remove(leases, signal), ofAll('remove', leases.length)),
    leave: (signal) => call(signal, () => store.leave(signal), ofAll('leave', 0)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

type About = Pick<StoreCallEvent, 'call' | 'leases' | 'done' | 'shard'>

/** One call may take some leases and ask for others. */
function aboutUpdates(
  updates: readonly LeaseUpdate[],
  results: readonly LeaseUpdateResult[] | undefined,
  worker: string,
): readonly About[] {
  const [first] = updates
  // Of the owner: it changes one lease at a time.
  if (updates.length === 1 && first?.change.checkpoint !== undefined)
    return [{ call: 'checkpoint', leases: 1, done: doneOf(results), shard: parseLeaseKey(first.key) }]
  const kinds = updates.map(({ change: { owner, heir } }) =>
    owner === worker ? 'take' : heir === worker ? 'ask' : 'change',
  )
  return (['take', 'ask', 'change'] as const)
    .map((call) => ({
      call,
      leases: kinds.filter((kind) => kind === call).length,
      done: doneOf(results?.filter((_, i) => kinds[i] === call)),
    }))
    .filter(({ leases }) => leases > 0)
}

function doneOf(results: readonly LeaseUpdateResult[] = []): number {
  return results.filter(({ outcome }) => outcome === 'updated').length
}
