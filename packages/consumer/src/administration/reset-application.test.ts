import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { newLease } from '../shards/lineage.ts'
import { memoryAdministration } from '../testing/memory-administration.ts'
import { SimulatedStream } from '../testing/simulated-stream.ts'
import { Bench, ofStreams } from '../testing/worker-bench.ts'
import { seekLeases } from './move-leases.ts'
import { resetApplication } from './reset-application.ts'

const never = new AbortController().signal

/** A stream of one shard whose worker checkpoints each batch. `seen`: sequence numbers in the order of processing. */
async function running() {
  const bench = new Bench()
  const stream = new SimulatedStream('orders', 1, bench.clock)
  const seen: string[] = []
  const worker = bench.worker('a', { of: stream })
  void worker.run(() => ({
    async processRecords({ records, checkpointer }) {
      seen.push(...records.map(({ sequenceNumber }) => sequenceNumber))
      await checkpointer.checkpoint()
    },
  }))
  const put = async () => {
    const { record } = stream.put('key', new Uint8Array(1))
    await bench.pass(2_000)
    return record.SequenceNumber
  }
  const split = async () => {
    stream.split(stream.open[0] ?? '')
    await bench.pass(2_000)
  }
  const stop = () => Promise.all([worker.stop(), bench.pass(5_000)])
  const administration = memoryAdministration(bench.leases.open())
  const service = stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
  const of = { administration, application: 'billing', clock: bench.clock, service }
  await bench.pass(2_000)
  return { bench, stream, put, split, seen, stop, of }
}

/** What happens once, behind the first look at the leases. */
function lookedAt(administration: LeaseAdministration, happens: () => Promise<unknown>): LeaseAdministration {
  let looks = 0
  return {
    ...administration,
    async leases(...args) {
      const leases = await administration.leases(...args)
      if (looks++ === 0) await happens()
      return leases
    },
  }
}

describe('resetting an application', () => {
  it('has all records processed again, also of shards that come between its look and its changes', async () => {
    const { bench, put, split, seen, stop, of } = await running()
    const records = [await put()]
    const administration = lookedAt(of.administration, async () => {
      await split()
      records.push(await put())
    })
    expect(await resetApplication({ ...of, administration, to: 'oldest' })).toBe(3)
    expect(seen.splice(0)).toEqual(records)
    await bench.pass(10_000)
    expect(seen).toEqual(records)
    await stop()
  })

  it('to the latest passes over nothing that comes after its first look', async () => {
    const { bench, put, split, seen, stop, of } = await running()
    await put()
    const records: string[] = []
    const administration = lookedAt(of.administration, async () => {
      await split()
      records.push(await put())
    })
    expect(await resetApplication({ ...of, administration, to: 'latest' })).toBe(2)
    seen.length = 0
    await bench.pass(10_000)
    expect(seen).toEqual(records)
    await stop()
  })

  it('makes a lease again that was taken away meanwhile', async () => {
    const { bench, put, split, stop, of } = await running()
    await put()
    await split()
    await put()
    await stop()
    const administration = lookedAt(of.administration, async () => {
      const parent = (await bench.stored()).filter(({ parents }) => parents.length === 0)
      await bench.leases.open().remove(parent, never)
    })
    expect(await resetApplication({ ...of, administration, to: 'oldest' })).toBe(3)
    expect((await bench.stored()).map(({ checkpoint }) => checkpoint.sequenceNumber)).toEqual(Array(3).fill('TRIM_HORIZON')) // prettier-ignore
    // Its last owner may have an end of it under way, in a term that must not come again.
    const parent = (await bench.stored()).find(({ parents }) => parents.length === 0)
    expect(parent?.epoch).toBeGreaterThan(1_000_000_000)
  })

  it('leaves leases of streams as they are that are gone or were made anew, and makes none for them', async () => {
    const { bench, stream, stop, of } = await running()
    await stop()
    const shard = { ShardId: 'shardId-000000000099', HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' } }
    const foreign = ['orders', 'bills'].map((name) => newLease({ stream: name, createdAtSecond: 5 }, shard, 'latest'))
    await bench.leases.open().create(foreign, never)
    const younger = ofStreams(new SimulatedStream('orders', 1, bench.clock))
    expect(await resetApplication({ ...of, to: 'oldest', service: younger })).toBe(0)
    expect(await resetApplication({ ...of, to: 'oldest', service: ofStreams(stream) })).toBe(1)
    const after = await bench.stored()
    expect(after).toHaveLength(3)
    for (const { key } of foreign)
      expect(after.find((lease) => lease.key === key)?.checkpoint.sequenceNumber).toBe('LATEST')
  })

  it('counts what it moves and makes of a stream once, where only some of its leases were chosen', async () => {
    const { put, split, stop, of, bench } = await running()
    await put()
    await split()
    await stop()
    const leases = (await bench.stored()).slice(0, 1)
    expect(await resetApplication({ ...of, leases, remakes: true, to: 'oldest' })).toBe(3)
    expect(await resetApplication({ ...of, leases, to: 'oldest' })).toBe(1)
  })

  it.each(['seek', 'reset'])('begins no child before its parent, however slowly leases are moved: %s', async (how) => {
    const { bench, put, split, seen, stop, of } = await running()
    const records = [await put(), await put()]
    await split()
    records.push(await put(), await put())
    seen.length = 0
    const slow: LeaseAdministration = {
      ...of.administration,
      leases: async (...args) => (await of.administration.leases(...args)).toReversed(),
      async update(application, updates, signal) {
        const results = []
        for (const one of updates) {
          results.push(...(await of.administration.update(application, [one], signal)))
          await bench.pass(1_500)
        }
        return results
      },
    }
    const options = { ...of, administration: slow, to: 'oldest' } as const
    await (how === 'seek' ? seekLeases(options) : resetApplication(options))
    await bench.pass(10_000)
    expect(seen.slice(-4)).toEqual(records)
    expect(seen.indexOf(records[0] ?? '')).toBe(0)
    await stop()
  })
})
