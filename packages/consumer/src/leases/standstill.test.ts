import { describe, expect, it } from 'vitest'
import { FakeFleet } from '../testing/fake-fleet.ts'
import { HaltingProcess } from '../testing/halting-process.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import { type LeaseStore, LeaseStoreError } from './lease-store.ts'

const shards = (count: number) =>
  Array.from({ length: count }, (_, i) => newLeaseOf(`shardId-${String(i).padStart(12, '0')}`))
const place = (sequenceNumber: string) => ({ sequenceNumber, subSequenceNumber: 0 })

/** A worker with so many shards, whose process may stand still, and whose beats fail once it is cut off. */
async function halting(count: number) {
  const fleet = new FakeFleet()
  await fleet.create(shards(count))
  const process = new HaltingProcess(fleet.clock)
  let isAway = false
  const store = process.seen(fleet.leases.open())
  const beat: LeaseStore['beat'] = (...args) =>
    isAway ? Promise.reject(new LeaseStoreError('unavailable', 'not today')) : store.beat(...args)
  const worker = fleet.add('worker-0', { clock: process.clock, store: { ...store, beat } })
  await fleet.pass(5_000)
  return { fleet, process, worker, cutOff: () => void (isAway = true) }
}

describe('a worker whose process stands still', () => {
  it('goes on after longer than a session where nobody has taken its leases', async () => {
    const { fleet, process, worker } = await halting(2)
    const [held] = [...worker.held.values()]
    for (let stretch = 0; stretch < 5; stretch++) {
      await process.halt(() => fleet.pass(10_000))
      // Begun at the end of the stretch, as a processor does, before anything else has a turn.
      await held?.checkpoint(place(String(stretch + 1)))
      // The last ones before the store could answer anything else.
      if (stretch < 2) await fleet.pass(2_000)
      expect(held?.lost.aborted).toBe(false)
    }
    await fleet.pass(2_000)
    expect(held?.lost.aborted).toBe(false)
    expect(worker.held.size).toBe(2)
  })

  it('loses what others have taken meanwhile, and all where the store does not say', async () => {
    const { fleet, process, worker, cutOff } = await halting(4)
    const taken = [...worker.held.values()]
    let theirs: readonly string[] = []
    await process.halt(async () => {
      const other = fleet.add('worker-1', { leasesMax: 3 })
      await fleet.until(() => other.held.size === 3)
      theirs = other.shards
    })
    for (const one of taken) await one.checkpoint(place('7')).catch(() => undefined)
    await fleet.pass(100)
    const lost = taken.filter((one) => one.lost.aborted).map(({ lease }) => lease.shardId)
    expect(lost.toSorted()).toEqual(theirs)
    expect((await fleet.stored()).filter(({ checkpoint }) => checkpoint.sequenceNumber === '7')).toHaveLength(1)
    cutOff()
    await process.halt(() => fleet.pass(10_000))
    await fleet.pass(2_000)
    expect(worker.held.size).toBe(0)
  })

  it('hears between two stretches that others have taken what it works on, and that it was cut off', async () => {
    const { fleet, process, worker, cutOff } = await halting(2)
    const [one, two] = [...worker.held.values()]
    // Nothing is checkpointed, and there is one turn between two stretches.
    await process.halt(() => fleet.pass(5_000))
    fleet.add('worker-1', { leasesMax: 1 })
    await process.halt(() => fleet.pass(5_000))
    await process.halt(() => fleet.pass(5_000))
    await fleet.pass(0)
    expect([one?.lost.aborted, two?.lost.aborted].filter(Boolean)).toHaveLength(1)
    // Cut off, and with turns to know it, but busy whenever something rings.
    const left = [...worker.held.values()]
    cutOff()
    await fleet.pass(2_500)
    await process.halt(() => fleet.pass(2_500))
    await fleet.pass(0)
    expect(left.map(({ lost }) => lost.aborted)).toEqual([true])
  })
})
