/** A fleet whose lease store has little time for it, or too little: what it asks for must not be what keeps it from working. */
import { sleep } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { SHARD_END } from '../../extended-sequence-number.ts'
import { BusyDynamo } from '../../testing/busy-dynamo.ts'
import { FakeFleet } from '../../testing/fake-fleet.ts'
import type { ConsumeResult } from '../coordinator-options.ts'
import type { HeldLease } from '../held-lease.ts'
import { newLeaseOf } from '../lease-store.contract.ts'
import { DynamoLeaseStore } from './dynamo-lease-store.ts'

const WORKERS = 4
/** Of a stream that is split and merged a lot, whose children have not begun. */
const ENDED = 160
/** The fleet's. */
const FAILOVER_MS = 4_000
const CHECKPOINT_MS = 1_000
const never = new AbortController().signal
const id = (i: number) => `shardId-${String(i).padStart(12, '0')}`

/** With every shard at work. */
async function fleetOnBusyStore(shards: number) {
  const fleet = new FakeFleet()
  const { clock } = fleet
  const dynamo = new BusyDynamo(clock)
  const keys = { account: '000000000000' }
  const open = () => new DynamoLeaseStore({ client: dynamo.client, table: 'leases', keys, clock, kcl: 'none' })
  const operator = open()
  const whole = Array.from({ length: shards }, (_, i) => newLeaseOf(id(i)))
  const ended = Array.from({ length: ENDED }, (_, i) => newLeaseOf(id(shards + i), { checkpoint: SHARD_END }))
  for (const some of [whole, ended.slice(0, 100), ended.slice(100)])
    await Promise.all([operator.create(some, never), fleet.pass(2_000)])
  const storedAtMs = new Map<string, number>()
  let checkpoints = 0
  const consume = async (held: HeldLease): Promise<ConsumeResult> => {
    let at = Number(held.lease.checkpoint.sequenceNumber) || 0
    try {
      for (; !held.release.aborted; await sleep(clock, CHECKPOINT_MS, held.lost)) {
        await held.checkpoint({ sequenceNumber: String(++at), subSequenceNumber: 0 })
        storedAtMs.set(held.lease.key, clock.monotonic())
        checkpoints++
      }
      return 'released'
    } catch {
      return 'lost'
    }
  }
  for (let i = 0; i < WORKERS; i++) fleet.add(`worker-${i}`, { store: open(), consume, random: seededRandom(i + 1) })
  /** Shards of which something was checkpointed within a failover time. */
  const atWork = () => [...storedAtMs.values()].filter((ms) => clock.monotonic() - ms < FAILOVER_MS).length
  await fleet.pass(5_000)
  expect(atWork()).toBe(shards)
  return {
    fleet,
    dynamo,
    atWork,
    /** How many shards are at work at the end of each second, and checkpoints in all. */
    async passSeconds(seconds: number) {
      const before = checkpoints
      const counts: number[] = []
      for (let i = 0; i < seconds; i++) {
        await fleet.pass(1_000)
        counts.push(atWork())
      }
      return { counts, checkpoints: checkpoints - before }
    },
  }
}

describe('a fleet with leases in DynamoDB', () => {
  it('is at work all the time where the store is slow, but has time for what the fleet needs', async () => {
    const { dynamo, passSeconds } = await fleetOnBusyStore(24)
    // Beats take a fifth of its time, checkpoints four tenths, and the table each ten seconds three tenths.
    dynamo.slowness = 4
    const { counts } = await passSeconds(40)
    expect(counts).toEqual(counts.map(() => 24))
  })

  it('goes on with a part of its work while the store has no time for all of it, and with all of it soon after', async () => {
    const { fleet, dynamo, atWork, passSeconds } = await fleetOnBusyStore(64)
    // Beats take half of its time; the checkpoints alone would take two and a half times as much as there is.
    dynamo.slowness = 10
    await passSeconds(30)
    const { counts, checkpoints } = await passSeconds(30)
    dynamo.slowness = 1
    await fleet.until(() => atWork() === 64, 4 * FAILOVER_MS)
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(4)
    // Of the 750 that it would have time for if it did nothing else.
    expect(checkpoints).toBeGreaterThanOrEqual(20)
  })
})
