import { describe, expect, it } from 'vitest'
import type { ReadBatch } from '../retrieval/shard-reader.ts'
import { Prefetcher } from './prefetcher.ts'
import { ReadAheadRoom } from './read-ahead-room.ts'

const answer: ReadBatch = {
  records: [{ SequenceNumber: '1', Data: new Uint8Array(10), PartitionKey: 'k', ApproximateArrivalTimestamp: 0 }],
  millisBehindLatest: 1,
  isEnd: false,
  children: [],
} as unknown as ReadBatch

/** Reads answers of 10 bytes without an end, up to the bound of all. */
function reading(room: ReadAheadRoom) {
  const end = new AbortController()
  let reads = 0
  const prefetcher = new Prefetcher<Uint8Array>({
    reader: { next: () => Promise.resolve(((reads += 1), answer)), [Symbol.asyncDispose]: async () => {} },
    open: ({ records }) => records as never,
    bounds: { batchesMax: 1_000 },
    room,
    isKeepingEmpty: false,
    onRead: () => {},
    signal: end.signal,
  })
  prefetcher.begin()
  /** As one batch is delivered: taken, and done with. */
  const deliver = async (): Promise<void> => {
    await prefetcher.take()
    prefetcher.done()
  }
  const close = async (): Promise<void> => {
    end.abort(new Error('over'))
    await prefetcher.ended()
  }
  return { prefetcher, deliver, close, reads: () => reads }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('prefetchers of one worker', () => {
  it('read ahead to a bound of all, one answer each beyond it, and go on when there is room', async () => {
    const room = new ReadAheadRoom(45)
    const first = reading(room)
    await settled()
    expect(first.reads()).toBe(5)
    const second = reading(room)
    await settled()
    expect([first.reads(), second.reads()]).toEqual([5, 1])
    await first.deliver()
    await settled()
    expect([first.reads(), second.reads()]).toEqual([5, 1])
    // 40 of 45 bytes: whoever is first has the rest.
    await first.deliver()
    await settled()
    expect(first.reads() + second.reads()).toBe(7)
    await second.deliver()
    await settled()
    expect(first.reads() + second.reads()).toBe(8)
  })

  it('have in the bound what was taken and is not done with', async () => {
    const room = new ReadAheadRoom(45)
    const shards = Array.from({ length: 20 }, () => reading(room))
    const reads = (): number => shards.reduce((sum, shard) => sum + shard.reads(), 0)
    await settled()
    expect(reads()).toBe(20)
    for (const { prefetcher } of shards) await prefetcher.take()
    await settled()
    expect(reads()).toBe(20)
    // Each goes on when it is done with what it had, though the others hold more than the bound.
    for (const { prefetcher } of shards.slice(1)) {
      prefetcher.done()
      await settled()
    }
    expect(reads()).toBe(20 + 19)
    await Promise.all(shards.map(({ close }) => close()))
    expect(room.isFull).toBe(false)
  })

  it('give back what nobody took when they end', async () => {
    const room = new ReadAheadRoom(45)
    const [first, second] = [reading(room), reading(room)]
    await settled()
    const before = second.reads()
    await first.prefetcher.take()
    await first.close()
    await settled()
    expect(second.reads()).toBeGreaterThan(before)
    await second.close()
    expect(room.isFull).toBe(false)
    const third = reading(room)
    await settled()
    expect(third.reads()).toBe(5)
    await third.close()
  })
})
