import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { extendedSequenceNumber, LATEST, SHARD_END, TRIM_HORIZON } from '../extended-sequence-number.ts'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { newLeaseOf } from '../leases/lease-store.contract.ts'
import { LeaseStoreError, type LeaseUpdate } from '../leases/lease-store.ts'
import type { Lease } from '../leases/lease.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import { memoryAdministration } from '../testing/memory-administration.ts'
import { passTime } from '../testing/pass-time.ts'
import { SimulatedStream } from '../testing/simulated-stream.ts'
import { Worker } from '../worker.ts'
import { changeLeases } from './change-leases.ts'
import { pauseLeases, resumeLeases, seekLeases, type SeekOptions } from './move-leases.ts'
import { resetApplication } from './reset-application.ts'

/** A worker of two shards that has processed three records, and checkpointed each of its batches. */
async function running() {
  const clock = new VirtualClock()
  const stream = new SimulatedStream('orders', 2, clock)
  const leases = new MemoryLeases(clock)
  const service = stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
  const administration = memoryAdministration(leases.open())
  const seen: string[] = []
  const numbers = [1, 2, 3].map(() => stream.put('key', new Uint8Array(1)).record.SequenceNumber)
  const { shardId } = stream.put('key', new Uint8Array(1))
  numbers.push(String(BigInt(numbers.at(-1) ?? 0) + 1n))
  const worker = new Worker({ client: service, application: 'billing', stream: 'orders', leases: leases.open(), workerId: 'a', clock, random: seededRandom(2) }) // prettier-ignore
  void worker.run(() => ({
    async processRecords({ records, checkpointer }) {
      seen.push(...records.map(({ sequenceNumber }) => sequenceNumber))
      await checkpointer.checkpoint()
    },
  }))
  const pass = (ms: number) => passTime(clock, ms)
  await pass(3_000)
  expect(seen).toEqual(numbers)
  seen.length = 0
  const of = { administration, application: 'billing', clock }
  const stored = () => administration.leases('billing', new AbortController().signal)
  return { clock, stream, service, numbers, seen, shardId, worker, pass, of, stored }
}

describe('while a worker runs', () => {
  it('its application begins anew', async () => {
    const { of, service, pass, seen, numbers, worker } = await running()
    expect(await resetApplication({ ...of, service, to: 'oldest' })).toBe(2)
    await pass(3_000)
    expect(seen).toEqual(numbers)
    await Promise.all([worker.stop(), pass(5_000)])
  })

  it('a shard goes on behind a record', async () => {
    const { of, stored, shardId, pass, seen, numbers, worker } = await running()
    const leases = (await stored()).filter((lease) => lease.shardId === shardId)
    const after = extendedSequenceNumber(numbers[1] ?? '')
    expect(await seekLeases({ ...of, leases, to: { after } })).toBe(1)
    await pass(3_000)
    expect(seen).toEqual(numbers.slice(2))
    await Promise.all([worker.stop(), pass(5_000)])
  })

  it('no shard goes on behind a record of another one, nor behind what is no record', async () => {
    const { of, stored, pass, numbers, worker } = await running()
    const after = extendedSequenceNumber(numbers[1] ?? '')
    const seek = (to: SeekOptions['to'], leases?: readonly Lease[]) => seekLeases({ ...of, leases, to })
    await expect(seek({ after })).rejects.toThrow('Expected one lease to go on behind a record of its shard, found 2.')
    const one = (await stored()).slice(0, 1)
    for (const sentinel of [SHARD_END, LATEST, TRIM_HORIZON])
      await expect(seek({ after: sentinel }, one)).rejects.toThrow(RangeError)
    await Promise.all([worker.stop(), pass(5_000)])
  })

  it('its shards are paused and resumed', async () => {
    const { of, pass, seen, stream, worker } = await running()
    expect([await pauseLeases(of), await pauseLeases(of)]).toEqual([2, 0])
    await pass(3_000)
    expect(worker.held).toEqual([])
    const { record } = stream.put('key', new Uint8Array(1))
    await pass(3_000)
    expect(seen).toEqual([])
    expect(await resumeLeases(of)).toBe(2)
    await pass(3_000)
    expect(seen).toEqual([record.SequenceNumber])
    await Promise.all([worker.stop(), pass(5_000)])
  })

  it('a shard that was processed to its end is processed again, its children after it; not at the latest', async () => {
    const { of, service, stored, shardId, pass, seen, stream, numbers, worker } = await running()
    stream.split(shardId)
    await pass(3_000)
    const checkpoint = async () => (await stored()).find((lease) => lease.shardId === shardId)?.checkpoint
    expect(await checkpoint()).toEqual(SHARD_END)
    expect(await resetApplication({ ...of, service, to: 'latest' })).toBe(3)
    expect(await checkpoint()).toEqual(SHARD_END)
    const { record } = stream.put('key', new Uint8Array(1))
    await pass(3_000)
    seen.length = 0
    expect(await resetApplication({ ...of, service, to: 'oldest' })).toBe(4)
    await pass(5_000)
    expect(seen).toEqual([...numbers, record.SequenceNumber])
    await Promise.all([worker.stop(), pass(5_000)])
  })
})

it('ended leases are moved behind those of their parents, in whatever order a store makes the changes of a call before it fails', async () => {
  // Numbers of shards need not grow in a table that somebody else made.
  const lease = (shardId: string, parents: string[]) => ({ ...newLeaseOf(shardId), version: 1, checkpoint: SHARD_END, parents }) // prettier-ignore
  const leases = [lease('shardId-1', ['shardId-3']), lease('shardId-2', ['shardId-1']), lease('shardId-3', [])]
  const moved: string[] = []
  const administration = {
    leases: async () => leases,
    update: async (_: string, updates: readonly LeaseUpdate[]) => {
      moved.push(updates.at(-1)?.key ?? '')
      if (updates.length > 1 || moved.length === 2) throw new LeaseStoreError('unavailable', 'simulated')
      return [{ outcome: 'updated', lease: leases.find(({ key }) => key === moved.at(-1)) as Lease }]
    },
  } as unknown as LeaseAdministration
  await expect(seekLeases({ administration, application: 'billing', to: 'oldest' })).rejects.toThrow('simulated')
  expect(moved.map((key) => key.split(':').at(-1))).toEqual(['shardId-3', 'shardId-1'])
})

describe('changing leases', () => {
  it('is done on top of what others changed meanwhile, and gives up where that never ends', async () => {
    const lease = { key: 'k', epoch: 0 } as Lease
    const never = new AbortController().signal
    const update = (conflicts: number) => {
      let epoch = 0
      return async (_: string, [one]: readonly { epoch: number }[]) =>
        ++epoch <= conflicts
          ? [{ outcome: 'conflict' as const, lease: { ...lease, epoch } }]
          : [{ outcome: 'updated' as const, lease: { ...lease, epoch: (one?.epoch ?? 0) + 1 } }]
    }
    const epochs: number[] = []
    const next = ({ epoch }: Lease) => {
      epochs.push(epoch)
      return { epoch: epoch + 1 }
    }
    expect(await changeLeases({ update: update(3) }, 'a', [lease], next, never)).toEqual(['k'])
    expect(epochs).toEqual([0, 1, 2, 3])
    expect(await changeLeases({ update: update(19) }, 'a', [lease], next, never)).toEqual(['k'])
    await expect(changeLeases({ update: update(Infinity) }, 'a', [lease], next, never)).rejects.toMatchObject({
      name: 'LeasesKeepChangingError',
      message: '1 of 1 leases of a changed hands each time they were to be changed',
    })
  })
})
