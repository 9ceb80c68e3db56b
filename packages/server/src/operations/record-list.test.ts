/** What answers share of the frames that they were encoded from. What stands in them is get-records.test.ts. */
import {
  type Codec,
  CreateStream,
  type EncodedRecords,
  GetRecords,
  GetShardIterator,
  PutRecords,
} from '@millrace/protocol'
import { BufferPool } from '@millrace/std'
import { afterEach, describe, expect, it, vi } from 'vitest'

import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'

const StreamName = 's'

afterEach(() => vi.restoreAllMocks())

interface Page {
  readonly Records: EncodedRecords
  readonly NextShardIterator: string
}

describe.each<Codec>(['json', 'cbor'])('records encoded in %s', (codec) => {
  async function open(): Promise<ServiceHarness> {
    const harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName, ShardCount: 1 })
    return harness
  }

  /** One frame. */
  async function put(harness: ServiceHarness, records: number): Promise<void> {
    const record = (i: number) => ({ PartitionKey: 'k', Data: bytesOf(`record ${i} ${'x'.repeat(100)}`) })
    await harness.call(PutRecords, { StreamName, Records: Array.from({ length: records }, (_, i) => record(i)) })
  }

  async function iteratorAt(harness: ServiceHarness, ShardIteratorType: 'TRIM_HORIZON' | 'LATEST'): Promise<string> {
    const { ShardIterator } = await harness.call(GetShardIterator, { StreamName, ShardId: '0', ShardIteratorType })
    return ShardIterator ?? ''
  }

  const pageAt = async (harness: ServiceHarness, ShardIterator: string, Limit = 10_000): Promise<Page> =>
    (await harness.call(GetRecords, { ShardIterator, Limit }, { codec })) as object as Page

  async function firstElements(harness: ServiceHarness, ShardIterator: string): Promise<Uint8Array | undefined> {
    return (await pageAt(harness, ShardIterator)).Records.elements[0]
  }

  it('are encoded once for all who read the tail, when there are two of them', async () => {
    await using harness = await open()
    await put(harness, 200)
    const ShardIterator = await iteratorAt(harness, 'TRIM_HORIZON')
    const alone = (await firstElements(harness, ShardIterator)) ?? new Uint8Array()
    const second = (await firstElements(harness, ShardIterator)) ?? new Uint8Array()
    expect(second === alone).toBe(false)
    expect(Buffer.from(second).equals(alone)).toBe(true)
    expect((await firstElements(harness, ShardIterator)) === second).toBe(true)
    // What follows is kept for them from its first reader on.
    const next = await iteratorAt(harness, 'LATEST')
    await put(harness, 200)
    expect((await firstElements(harness, next)) === (await firstElements(harness, next))).toBe(true)
    await harness.advance(120_000)
    expect((await firstElements(harness, ShardIterator)) === second).toBe(true)
  })

  it('are one piece for who reads a shard alone, however many frames they come from', async () => {
    await using harness = await open()
    let ShardIterator = await iteratorAt(harness, 'TRIM_HORIZON')
    for (let page = 0; page < 3; page++) {
      for (let frame = 0; frame < 5; frame++) await put(harness, 50)
      const { Records, NextShardIterator } = await pageAt(harness, ShardIterator)
      expect(Records.count).toBe(250)
      expect(Records.elements).toHaveLength(1)
      ShardIterator = NextShardIterator
    }
  })

  it('of one reader stand in the memory that was taken for them, and in little more of it than they need', async () => {
    await using harness = await open()
    const key = 'k'.repeat(36)
    const record = (bytes: number) => ({ PartitionKey: key, Data: new Uint8Array(bytes) })
    // Each put is one frame, but for the first, whose records are one each.
    const large = (from: number, to: number, bytes: number) =>
      Array.from({ length: 500 }, (_, i) => record(i >= from && i < to ? bytes : 100))
    const pages = [
      { records: Array.from({ length: 5 }, () => record(200_000)), from: 0, limit: 10_000 },
      // Those left behind are smaller.
      { records: large(0, 40, 3_000), from: 0, limit: 40 },
      // Most are passed over.
      { records: large(450, 500, 2_500), from: 450, limit: 10_000 },
    ]
    const taking = vi.spyOn(BufferPool.prototype, 'take')
    let ShardIterator = await iteratorAt(harness, 'LATEST')
    for (const { records, from, limit } of pages) {
      await harness.call(PutRecords, { StreamName, Records: records })
      if (from > 0) ShardIterator = (await pageAt(harness, ShardIterator, from)).NextShardIterator
      taking.mockClear()
      const { Records } = await pageAt(harness, ShardIterator, limit)
      expect(Records.count).toBe(Math.min(limit, records.length - from))
      const taken = taking.mock.results.map(({ value }) => (value as Uint8Array).buffer)
      const [elements] = Records.elements
      expect(taken.map((buffer) => buffer === elements?.buffer)).toEqual([true])
      expect(elements?.buffer.byteLength).toBeLessThan((elements?.length ?? 0) * 1.5)
      ShardIterator = await iteratorAt(harness, 'LATEST')
    }
  })

  it('of the end of a frame take no memory for all of it', async () => {
    await using harness = await open()
    await put(harness, 500)
    const { NextShardIterator } = await pageAt(harness, await iteratorAt(harness, 'TRIM_HORIZON'), 495)
    const taking = vi.spyOn(BufferPool.prototype, 'take')
    const { Records } = await pageAt(harness, NextShardIterator)
    expect(Records.count).toBe(5)
    expect(taking).not.toHaveBeenCalled()
  })

  it('are not kept for who reads the past', async () => {
    await using harness = await open()
    await put(harness, 200)
    await harness.advance(120_000)
    const ShardIterator = await iteratorAt(harness, 'TRIM_HORIZON')
    const elements = [1, 2, 3].map(() => firstElements(harness, ShardIterator))
    expect(new Set(await Promise.all(elements)).size).toBe(3)
  })
})
