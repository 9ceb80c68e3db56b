/** Lease stores that tell a fleet's history what was done, before any answer is lost. */
import type { LeaseStore } from '../leases/lease-store.ts'
import type { FleetHistory } from './fleet-history.ts'
import type { FleetSetup } from './fleet-setup.ts'

export function watchedByWorker(
  worker: string,
  store: LeaseStore,
  history: FleetHistory,
  initial: FleetSetup['initialPosition'],
): LeaseStore {
  return {
    ...store,
    create: async (leases, signal) => {
      await store.create(leases, signal)
      if (initial === 'latest') history.begunAtLatest(leases)
    },
    update: async (updates, signal) => {
      const results = await store.update(updates, signal)
      for (const [i, result] of results.entries()) {
        const update = updates[i]
        if (update !== undefined) history.updated(worker, update, result)
      }
      return results
    },
  }
}

/** Of somebody who moves leases. */
export function watchedByOperator(store: LeaseStore, history: FleetHistory): LeaseStore {
  return {
    ...store,
    create: async (leases, signal) => {
      await store.create(leases, signal)
      for (const lease of leases) history.begunAgain(lease, lease.checkpoint)
    },
    update: async (updates, signal) => {
      const results = await store.update(updates, signal)
      for (const [i, update] of updates.entries()) history.moved(update, results[i] ?? { outcome: 'gone' })
      return results
    },
  }
}
