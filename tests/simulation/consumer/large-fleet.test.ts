/**
 * What a large fleet costs its lease store and its own processes: calls are counted, of workers that have nothing to change. The
 * soak's is larger: that it comes to rest costs a minute on one core for all of them together.
 */
import { describe, expect, it } from 'vitest'
import { newLeaseOf } from '../../../packages/consumer/src/leases/lease-store.contract.ts'
import { LEASES_PER_CALL_MAX } from '../../../packages/consumer/src/leases/lease-store.ts'
import { FakeFleet } from '../../../packages/consumer/src/testing/fake-fleet.ts'

const isSoak = process.env['MILLRACE_SOAK_SECONDS'] !== undefined
const WORKERS = isSoak ? 200 : 100
const SHARDS = isSoak ? 4_000 : 1_000
const SECONDS = 30

async function fleetOf(shards: number): Promise<FakeFleet> {
  const fleet = new FakeFleet()
  const ids = Array.from({ length: shards }, (_, i) => `shardId-${String(i).padStart(12, '0')}`)
  for (let from = 0; from < shards; from += LEASES_PER_CALL_MAX)
    await fleet.create(ids.slice(from, from + LEASES_PER_CALL_MAX).map((shardId) => newLeaseOf(shardId)))
  return fleet
}

function addWorkers(fleet: FakeFleet, count: number): void {
  for (let i = 0; i < count; i++) fleet.add(`worker-${String(i).padStart(3, '0')}`)
}

function abandonAll({ workers }: FakeFleet): void {
  for (const { coordinator } of workers) coordinator.abandon()
}

describe(`${WORKERS} workers with ${SHARDS} shards`, () => {
  it('make at most a call a second each, and none for a lease, when nothing changes', async () => {
    const fleet = await fleetOf(SHARDS)
    addWorkers(fleet, WORKERS)
    await fleet.until(() => fleet.workers.every(({ held }) => held.size === SHARDS / WORKERS), 600_000)
    await fleet.pass(5_000)
    const before = fleet.workers.map(({ calls }) => calls)
    await fleet.pass(SECONDS * 1_000)
    const made = fleet.workers.map(({ calls }, i) => calls - (before[i] ?? 0))
    expect(Math.max(...made)).toBeLessThanOrEqual(SECONDS + 1)
    expect(Math.min(...made)).toBeGreaterThan(0)
    abandonAll(fleet)
  })
})

describe('a worker that has 4,000 shards', () => {
  it('gives others their shares when they join, before anybody takes it for dead', async () => {
    const fleet = await fleetOf(4_000)
    addWorkers(fleet, 1)
    await fleet.until(() => fleet.workers[0]?.held.size === 4_000)
    for (const name of ['worker-a', 'worker-b', 'worker-c']) fleet.add(name)
    await fleet.until(() => fleet.workers.every(({ held }) => held.size === 1_000))
    abandonAll(fleet)
  })
})
