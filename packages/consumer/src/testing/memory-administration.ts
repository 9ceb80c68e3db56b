/** Looks after the one application whose leases are in a store that tells everything at once. */
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { LEASES_PER_CALL_MAX, type LeaseNews, type LeaseStore } from '../leases/lease-store.ts'

export function memoryAdministration(store: LeaseStore): LeaseAdministration {
  const told = (signal: AbortSignal): Promise<LeaseNews> =>
    store.beat({ worker: '-', ttlMs: 0, waitMs: 0, held: [], capacity: 0 }, signal)
  return {
    list: async (signal) => [{ name: 'memory', leases: (await told(signal)).leases.length, workers: 0 }],
    leases: async (_, signal) => (await told(signal)).leases,
    describe: async (_, signal) => told(signal),
    create: async (_, made, signal) => {
      for (let at = 0; at < made.length; at += LEASES_PER_CALL_MAX)
        await store.create(made.slice(at, at + LEASES_PER_CALL_MAX), signal)
    },
    update: async (_, updates, signal) => {
      const results = []
      for (let at = 0; at < updates.length; at += LEASES_PER_CALL_MAX)
        results.push(...(await store.update(updates.slice(at, at + LEASES_PER_CALL_MAX), signal)))
      return results
    },
    delete: () => Promise.reject(new Error('Leases in memory go with their process.')),
  }
}
