/** A checkpointer with a real holding over a store in memory: checkpoints of one and of two phases that overlap. */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { randomBelow } from '@millrace/std'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ShardCheckpointer } from './checkpointer.ts'
import { compareSequenceNumbers, type ExtendedSequenceNumber } from './extended-sequence-number.ts'
import { Holding } from './leases/holding.ts'
import { newLeaseOf } from './leases/lease-store.contract.ts'
import { LeaseTable } from './leases/lease-table.ts'
import type { LeaseStore } from './leases/lease-store.ts'
import type { Lease } from './leases/lease.ts'
import { MemoryLeases } from './leases/memory-lease-store.ts'

const never = new AbortController().signal
const place = (n: number): ExtendedSequenceNumber => ({ sequenceNumber: String(1_000 + n), subSequenceNumber: 0 })

async function heldLease(update: (store: LeaseStore) => LeaseStore['update']): Promise<Holding> {
  const clock = new VirtualClock()
  const store = new MemoryLeases(clock).open()
  const lease = newLeaseOf('shardId-000000000000', { startTimeMs: 7, owner: 'w' })
  await store.create([lease], never)
  const first: Lease = { ...lease, version: 0 }
  const table = new LeaseTable()
  table.put(first)
  const slow = { ...store, update: update(store) }
  return new Holding(first, {
    worker: 'w',
    store: slow,
    table,
    balance: 'count',
    clock,
    random: seededRandom(1),
    signal: never,
  })
}

const call = fc.record({ isPrepared: fc.boolean(), step: fc.integer({ min: 0, max: 2 }), isAwaited: fc.boolean() })

it('what overlaps is stored as if one call had followed the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), fc.nat(), async (calls, seed) => {
      const random = seededRandom(seed)
      const held = await heldLease((store) => async (...args) => {
        for (let i = randomBelow(random, 8); i > 0; i--) await Promise.resolve()
        return store.update(...args)
      })
      const checkpointer = new ShardCheckpointer({
        held,
        clock: new VirtualClock(),
        onStored: () => {},
        onLost: () => {},
      })
      const under: Promise<unknown>[] = []
      let at = 0
      let [expected, pending]: [Lease['checkpoint'], Lease['checkpoint'] | undefined] = [
        held.lease.checkpoint,
        undefined,
      ]
      for (const { isPrepared, step, isAwaited } of calls) {
        const to = place((at += step))
        checkpointer.deliver(to)
        const done = isPrepared ? checkpointer.prepareCheckpoint(to) : checkpointer.checkpoint(to)
        if (isPrepared) pending = to
        else [expected, pending] = [to, undefined]
        const least = expected
        under.push(
          done.then(() => expect(compareSequenceNumbers(held.lease.checkpoint, least)).toBeGreaterThanOrEqual(0)),
        )
        if (isAwaited) await done
      }
      await Promise.all(under)
      expect(held.lease.checkpoint).toEqual(expected)
      expect(held.lease.pending?.checkpoint).toEqual(pending)
      expect(checkpointer.stored).toEqual(expected)
    }),
    { numRuns: 200 },
  )
})

it('a checkpoint of two phases before anything is processed leaves the time where the lease begins', async () => {
  const held = await heldLease((store) => store.update)
  await held.checkpoint(held.lease.checkpoint, { checkpoint: place(1) })
  await held.checkpoint(held.lease.checkpoint)
  expect(held.lease).toMatchObject({ pending: undefined, startTimeMs: 7 })
})
