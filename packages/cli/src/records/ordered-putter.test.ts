import { hashKeyOf } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeError, FakeStream, type FakeStreamOptions, runOnVirtualTime } from '../testing/fake-stream.ts'
import { OrderedPutter, type OrderedPutterOptions, type PutEntry } from './ordered-putter.ts'

function entryOf(number: number, key: string, data: Uint8Array = Buffer.from(String(number))): PutEntry {
  return { number, data, partitionKey: key, hashKey: hashKeyOf(key) }
}

function setUp(
  stream: Omit<FakeStreamOptions, 'clock'>,
  options: Partial<OrderedPutterOptions> = {},
): { readonly clock: VirtualClock; readonly fake: FakeStream; readonly putter: OrderedPutter } {
  const clock = new VirtualClock()
  const fake = new FakeStream({ ...stream, clock })
  const { shardStarts } = fake
  const random = seededRandom(1)
  const putter = new OrderedPutter({ kinesis: fake, stream: 's', shardStarts, clock, random, ...options })
  return { clock, fake, putter }
}

async function putAll(putter: OrderedPutter, entries: Iterable<PutEntry>): Promise<void> {
  for (const entry of entries) {
    const room = putter.offer(entry)
    if (room !== undefined) await room
  }
  await putter.finish()
}

/** The numbers stored under each key, in stored order. */
function byKey(fake: FakeStream): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>()
  for (const record of fake.stored) {
    const key = record.PartitionKey ?? ''
    numbers.set(key, [...(numbers.get(key) ?? []), Number(Buffer.from(record.Data).toString())])
  }
  return numbers
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || (numbers[i - 1] ?? 0) < number)
}

const entries = (count: number, keys: number): readonly PutEntry[] =>
  Array.from({ length: count }, (_, i) => entryOf(i + 1, `k${i % keys}`))

describe('OrderedPutter', () => {
  it('stores everything in order per key, in batches, with one request of a key in flight', async () => {
    const { clock, fake, putter } = setUp({ shards: 4 })
    await runOnVirtualTime(clock, putAll(putter, entries(5_000, 50)))
    expect(fake.stored).toHaveLength(5_000)
    expect([...byKey(fake).values()].every(isAscending)).toBe(true)
    expect(fake.keysInFlightMax).toBe(1)
    expect(fake.calls.length).toBeLessThan(40)
    expect(putter.settledThrough).toBe(5_000)
    expect(putter.totals).toMatchObject({ records: 5_000, failed: 0, retried: 0, misordered: 0 })
  })

  it('keeps the order per key while shards throttle, and soon paces itself to what they take', async () => {
    const { clock, fake, putter } = setUp({ shards: 2, writeRecords: 1_000 })
    const startedMs = clock.monotonic()
    await runOnVirtualTime(clock, putAll(putter, entries(20_000, 100)))
    const seconds = (clock.monotonic() - startedMs) / 1000
    expect([...byKey(fake).values()].every(isAscending)).toBe(true)
    expect(fake.stored).toHaveLength(20_000)
    expect(putter.totals.retried).toBeGreaterThan(0)
    // 20,000 over two shards of 1,000/s, the first second of which is there at once: 9 s at best.
    expect(seconds).toBeLessThan(14)
    expect(putter.totals.retried).toBeLessThan(6_000)
  })

  it('finds out when a stream takes more than AWS would', async () => {
    const { clock, fake, putter } = setUp({ shards: 1, writeRecords: 4_000 })
    await runOnVirtualTime(clock, putAll(putter, entries(200_000, 100)))
    expect(fake.stored).toHaveLength(200_000)
    // At AWS's pace it would take 200 s; the stream could in 50.
    expect(clock.monotonic() / 1000).toBeLessThan(130)
  })

  it('sends refused entries again before anything newer, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 5, max: 500 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.boolean(), { maxLength: 20 }),
        async (shards, writeRecords, keys, troubles) => {
          const { clock, fake, putter } = setUp({ shards, writeRecords })
          fake.onCall = () => {
            if (troubles.pop() === true) fake.troubles.push(new FakeError('ServiceUnavailable', true))
          }
          await runOnVirtualTime(clock, putAll(putter, entries(600, keys)))
          const stored = byKey(fake)
          expect([...stored.values()].flat().sort((a, b) => a - b)).toEqual(
            Array.from({ length: 600 }, (_, i) => i + 1),
          )
          expect([...stored.values()].every(isAscending)).toBe(true)
          expect(putter.settledThrough).toBe(600)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('counts records that a stream let overtake one of their key, and prevents it when strict', async () => {
    // Large ones cost all of a second: small ones behind them fit where they did not.
    const big = (number: number): PutEntry => entryOf(number, 'k', Buffer.alloc(200, 100))
    const mixed = [big(1), big(2), entryOf(3, 'k'), entryOf(4, 'k')]
    const loose = setUp({ shards: 1, writeRecords: 101, overtaking: true })
    await runOnVirtualTime(loose.clock, putAll(loose.putter, mixed))
    expect(loose.putter.totals.misordered).toBeGreaterThan(0)
    const strict = setUp({ shards: 1, writeRecords: 101, overtaking: true }, { strictOrder: true })
    await runOnVirtualTime(strict.clock, putAll(strict.putter, mixed))
    expect(strict.putter.totals.misordered).toBe(0)
    expect(strict.fake.stored.map((record) => record.Data.length)).toEqual([200, 200, 1, 1])
  })

  it('goes on without a record that is refused for good, and says which', async () => {
    const failed: string[] = []
    const { clock, fake, putter } = setUp(
      { shards: 1 },
      { onFailed: (entry, code) => failed.push(`${entry.number} ${code}`) },
    )
    await runOnVirtualTime(clock, putAll(putter, [entryOf(1, 'a'), entryOf(2, 'poison'), entryOf(3, 'a')]))
    expect(failed).toEqual(['2 KMSAccessDeniedException'])
    expect(fake.stored).toHaveLength(2)
    expect([putter.totals.failed, putter.settledThrough]).toEqual([1, 3])
  })

  it('gives up when nothing is taken for as long as its patience, and knows how far it came', async () => {
    const { clock, fake, putter } = setUp({ shards: 1, writeRecords: 50 }, { patienceMs: 10_000, skipped: 100 })
    fake.onCall = () => {
      if (fake.stored.length >= 50) fake.troubles.push(new FakeError('ServiceUnavailable', true))
    }
    const work = putAll(
      putter,
      entries(80, 1).map((entry) => ({ ...entry, number: entry.number + 100 })),
    )
    await expect(runOnVirtualTime(clock, work)).rejects.toThrow('ServiceUnavailable')
    expect(putter.settledThrough).toBe(150)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000)
    await expect(putter.offer(entryOf(300, 'k'))).rejects.toThrow('ServiceUnavailable')
  })

  it('does not repeat what the service refuses outright', async () => {
    const { clock, fake, putter } = setUp({ shards: 1 })
    fake.troubles.push(new FakeError('ResourceNotFoundException', false))
    await expect(runOnVirtualTime(clock, putAll(putter, entries(3, 1)))).rejects.toThrow('ResourceNotFoundException')
    expect(fake.calls).toEqual(['PutRecords'])
  })

  it('asks its reader to wait when a lane is full', async () => {
    const { clock, putter } = setUp({ shards: 1 })
    const waits = entries(2_000, 1).map((entry) => putter.offer(entry))
    expect(waits.findIndex((wait) => wait !== undefined)).toBe(1_999)
    await runOnVirtualTime(clock, waits.at(-1) ?? Promise.resolve())
  })

  it('keeps a batch under half a mebibyte, unless it is one large record', async () => {
    const { clock, fake, putter } = setUp({ shards: 1 })
    const sizes: number[] = []
    const send = fake.send.bind(fake)
    fake.send = (operation, input, options) => {
      const { Records } = input as { readonly Records: readonly { readonly Data: Uint8Array }[] }
      sizes.push(Records.reduce((sum, { Data }) => sum + Data.length, 0))
      return send(operation, input, options)
    }
    const large = [1, 2, 3].map((number) => entryOf(number, 'a', Buffer.alloc(300_000, 1)))
    await runOnVirtualTime(clock, putAll(putter, [...large, entryOf(4, 'a', Buffer.alloc(5_000_000, 1))]))
    expect(sizes).toEqual([300_000, 300_000, 300_000, 5_000_000])
  })
})
