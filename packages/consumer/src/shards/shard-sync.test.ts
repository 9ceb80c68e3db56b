import { silentLogger } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { newLeaseOf } from '../leases/lease-store.contract.ts'
import { LeaseTable } from '../leases/lease-table.ts'
import type { Lease } from '../leases/lease.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import { StreamNames } from '../stream-names.ts'
import { SimulatedStream } from '../testing/simulated-stream.ts'
import { ShardSync } from './shard-sync.ts'

const never = new AbortController().signal

it('begins no lease of a stream that has gone, though it has seen it, nor one where another of the name is', async () => {
  const clock = new VirtualClock()
  const stream = new SimulatedStream('orders', 1, clock)
  const sync = new ShardSync({
    worker: 'one',
    service: stream.service({ throttled: 0, broken: 0 }, seededRandom(1)),
    store: new MemoryLeases(clock).open(),
    table: new LeaseTable(),
    streams: ['orders'],
    names: new StreamNames({ region: 'us-east-1', account: undefined }),
    initial: 'oldest',
    intervalMs: 60_000,
    refresh: () => undefined,
    onChange: () => undefined,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
  })
  const leaseOf = (createdAtSecond: number): Lease => ({
    ...newLeaseOf('shardId-000000000000', { key: `orders:${createdAtSecond}:shardId-000000000000` }),
    version: 1,
  })
  const second = Math.floor(stream.createdAtMs / 1_000)
  expect(await runClock(clock, sync.isForeign(leaseOf(second), never))).toBe(false)
  expect(await runClock(clock, sync.isForeign(leaseOf(second - 1), never))).toBe(true)
  stream.isDeleted = true
  clock.advance(60_000)
  // What was there at the last look is asked by reading, what was not is asked for again.
  expect(await runClock(clock, sync.isForeign(leaseOf(second - 2), never))).toBe(true)
  expect(await runClock(clock, sync.isForeign(leaseOf(second), never))).toBe(true)
})
