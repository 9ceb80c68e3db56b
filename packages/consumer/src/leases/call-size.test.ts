import { describe, expect, it } from 'vitest'
import { FakeFleet } from '../testing/fake-fleet.ts'
import { boundedLeaseStore } from './bounded-lease-store.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import { LEASES_PER_CALL_MAX, type LeaseStore, LeaseStoreError } from './lease-store.ts'

const never = new AbortController().signal
const shards = (count: number) =>
  Array.from({ length: count }, (_, i) => newLeaseOf(`shardId-${String(i).padStart(12, '0')}`))

/** A store that answers no call in its time that names more leases than this. */
function slowStore(store: LeaseStore, leasesMax: { value: number }, sizes: number[]): LeaseStore {
  const call = async <T>(leases: readonly unknown[], work: () => Promise<T>): Promise<T> => {
    sizes.push(leases.length)
    if (leases.length > leasesMax.value) throw new LeaseStoreError('unavailable', 'too slow')
    return work()
  }
  return {
    ...store,
    create: (leases, signal) => call(leases, () => store.create(leases, signal)),
    update: (updates, signal) => call(updates, () => store.update(updates, signal)),
    remove: (leases, signal) => call(leases, () => store.remove(leases, signal)),
  }
}

describe('calls for many leases', () => {
  it('name half as many after one that failed, so that a store which is slow does some, and twice as many after others', async () => {
    const fleet = new FakeFleet()
    const sizes: number[] = []
    const leasesMax = { value: 10 }
    const store = boundedLeaseStore(slowStore(fleet.leases.open(), leasesMax, sizes), fleet.clock, 4_000)
    const leases = shards(60)
    for (let tries = 0; tries < 20; tries++)
      await store.create(leases.slice((await fleet.stored()).length), never).catch(() => undefined)
    expect(await fleet.stored()).toHaveLength(60)
    leasesMax.value = LEASES_PER_CALL_MAX
    for (const some of [shards(100), shards(100)]) await store.create(some, never)
    expect(sizes.at(-1)).toBe(100)
    await store.remove(leases, never)
    expect(await fleet.stored()).toHaveLength(40)
  })

  it('take all leases of a store that is too slow for all at once', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(60))
    const sizes: number[] = []
    const worker = fleet.add('worker-0', { store: slowStore(fleet.leases.open(), { value: 10 }, sizes) })
    await fleet.until(() => worker.held.size === 60, 20_000)
    expect(sizes[0]).toBe(60)
  })
})
