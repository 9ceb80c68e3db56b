import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { newLeaseOf } from '../leases/lease-store.contract.ts'
import type { Lease } from '../leases/lease.ts'
import { SimulatedStream } from '../testing/simulated-stream.ts'
import { ABSENT_LOOK_MS, StreamPresence } from './stream-presence.ts'

const never = new AbortController().signal
const inputOf = (StreamName: string) => ({ StreamName })

function setUp() {
  const clock = new VirtualClock()
  const stream = new SimulatedStream('orders', 1, clock)
  const service = stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
  const presence = new StreamPresence({ service, inputOf, clock })
  const lease = (createdAtSecond: number | string): Lease => ({
    ...newLeaseOf('shardId-000000000000', { key: `orders:${createdAtSecond}:shardId-000000000000` }),
    version: 1,
  })
  return { clock, stream, presence, lease, second: Math.floor(stream.createdAtMs / 1000) }
}

describe('StreamPresence', () => {
  it('finds a stream of the name and age that the lease says, by one look', async () => {
    const { presence, lease, second } = setUp()
    expect(await presence.confirm(lease(second), never)).toBe('there')
    expect(presence.isAbsent(lease(second))).toBe(false)
  })

  it('says that a stream is absent after three looks, each some time behind the one before', async () => {
    const { clock, stream, presence, lease, second } = setUp()
    await presence.look('orders', never)
    clock.advance(ABSENT_LOOK_MS)
    stream.isDeleted = true
    const fromMs = clock.monotonic()
    // Many shards of one stream find it gone at once.
    const all = Promise.all(Array.from({ length: 8 }, () => presence.confirm(lease(second), never)))
    expect(new Set(await runClock(clock, all))).toEqual(new Set(['absent']))
    expect(clock.monotonic() - fromMs).toBe(2 * ABSENT_LOOK_MS)
    expect(presence.wasDeleted(lease(second))).toBe(true)
  })

  it('takes no lease for one of a deleted stream where it has never found one of the name', async () => {
    const { clock, stream, presence, lease, second } = setUp()
    stream.isDeleted = true
    expect(await runClock(clock, presence.confirm(lease(second), never))).toBe('absent')
    expect(presence.wasDeleted(lease(second))).toBe(false)
  })

  it('takes a lease of a younger stream than the one that is there for one of others, not for a deleted one', async () => {
    const { clock, presence, lease, second } = setUp()
    expect(await runClock(clock, presence.confirm(lease(second + 1), never))).toBe('absent')
    expect([presence.wasDeleted(lease(second + 1)), presence.wasDeleted(lease(second - 1))]).toEqual([false, true])
  })

  it('knows no retention where the service does not say it', async () => {
    const { clock, stream, presence } = setUp()
    await presence.look('orders', never)
    expect(presence.retentionMs('orders')).toBe(24 * 3_600_000)

    const service = stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    const describeStreamSummary: typeof service.describeStreamSummary = async (...call) => {
      const { StreamDescriptionSummary: told } = await service.describeStreamSummary(...call)
      return { StreamDescriptionSummary: { ...told, RetentionPeriodHours: undefined as unknown as number } }
    }
    const untold = new StreamPresence({ service: { describeStreamSummary }, inputOf, clock })
    expect(await untold.look('orders', never)).toMatchObject({ stream: 'orders' })
    expect(untold.retentionMs('orders')).toBeUndefined()
  })

  it('counts anew when the stream is there again', async () => {
    const { clock, stream, presence, lease, second } = setUp()
    stream.isDeleted = true
    await presence.look('orders', never)
    clock.advance(ABSENT_LOOK_MS)
    await presence.look('orders', never)
    stream.isDeleted = false
    await presence.look('orders', never)
    stream.isDeleted = true
    await presence.look('orders', never)
    expect([presence.looks('orders'), presence.isAbsent(lease(second))]).toEqual([1, false])
  })

  it('takes a lease whose key tells no age for one of the stream', async () => {
    const { presence, lease } = setUp()
    expect(await presence.confirm({ ...lease(0), key: 'shardId-000000000000' }, never)).toBe('there')
  })

  it('rejects with what is no answer', async () => {
    const { clock, lease } = setUp()
    const denied = new Error('no')
    const service = { describeStreamSummary: () => Promise.reject(denied) }
    const presence = new StreamPresence({ service, inputOf, clock })
    await expect(presence.confirm(lease(1), never)).rejects.toBe(denied)
  })
})
