import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { leaseStoreContract, newLeaseOf } from './lease-store.contract.ts'
import { MemoryLeases } from './memory-lease-store.ts'

leaseStoreContract('memory', () => ({
  ttlMs: 1_000,
  async application() {
    const clock = new VirtualClock()
    const leases = new MemoryLeases(clock)
    return { open: async () => leases.open(), elapse: async (ms) => clock.advance(ms) }
  },
}))

describe('leases in memory', () => {
  const never = new AbortController().signal
  const beat = { ttlMs: 4_000, waitMs: 1_000, held: [], capacity: 1 }

  async function two() {
    const clock = new VirtualClock()
    const leases = new MemoryLeases(clock)
    const [a, b] = [leases.open(), leases.open()]
    await b.beat({ ...beat, worker: 'b', waitMs: 0 }, never)
    const { cursor } = await a.beat({ ...beat, worker: 'a', waitMs: 0 }, never)
    let isAnswered = false
    const waiting = a.beat({ ...beat, worker: 'a', cursor }, never)
    void waiting.then(() => (isAnswered = true))
    const settle = async () => {
      for (let i = 0; i < 10; i++) await Promise.resolve()
      return isAnswered
    }
    return { clock, b, waiting, settle }
  }

  it('answers a beat that waits when its time is over', async () => {
    const { clock, waiting, settle } = await two()
    clock.advance(999)
    expect(await settle()).toBe(false)
    clock.advance(1)
    expect((await waiting).leases).toEqual([])
  })

  it('wakes nobody for a checkpoint', async () => {
    const { b, clock, settle } = await two()
    await b.create([newLeaseOf('shardId-000000000000')], never)
    expect(await settle()).toBe(true)
    const { leases: [lease], cursor } = await b.beat({ ...beat, worker: 'b', waitMs: 0 }, never) // prettier-ignore
    const waiting = b.beat({ ...beat, worker: 'b', cursor }, never)
    let isAnswered = false
    void waiting.then(() => (isAnswered = true))
    const change = { checkpoint: { sequenceNumber: '1', subSequenceNumber: 0 } }
    await b.update([{ key: lease?.key ?? '', epoch: 0, change }], never)
    await settle()
    expect(isAnswered).toBe(false)
    clock.advance(1_000)
    await waiting
  })

  it('wakes the others when a session ends, also one that is shorter than those before', async () => {
    const clock = new VirtualClock()
    const leases = new MemoryLeases(clock)
    const [a, b] = [leases.open(), leases.open()]
    const { cursor } = await a.beat({ ...beat, worker: 'a', waitMs: 0 }, never)
    await b.beat({ ...beat, worker: 'b', ttlMs: 300, waitMs: 0 }, never)
    const news = a.beat({ ...beat, worker: 'a', cursor }, never)
    clock.advance(300)
    expect((await news).workers.map(({ worker }) => worker)).toEqual(['a'])
  })
})
