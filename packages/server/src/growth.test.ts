/** What must not grow with the number of shards: counted in looks and reads, never in time. */
import { SimulatedDisk } from '@millrace/log/testing'
import {
  CreateStream,
  DeleteStream,
  DescribeLimits,
  IncreaseStreamRetentionPeriod,
  ListChannels,
  ListStreams,
  PutRecord,
  PutRecords,
  RegisterStreamConsumer,
  SplitShard,
  streamArn,
  UpdateShardCount,
} from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { openEmbeddedEngine } from './engine/embedded/embedded-engine.ts'
import type { Engine } from './engine/engine.ts'
import { createMemoryEngine } from './engine/memory/memory-engine.ts'
import { listShardsAfter } from './streams/shard-listing.ts'
import { childrenOf, SHARDS_PER_PAGE, type ShardPages } from './streams/stream.ts'
import { evenStream } from './testing/even-stream.ts'
import { ACCOUNT, idle, REGION, ServiceHarness } from './testing/service-harness.ts'

const SHARDS = 20 * SHARDS_PER_PAGE

/** How many pages of shards are handed out from now on. */
function countLooks(pages: ShardPages): { pages: number } {
  const seen = { pages: 0 }
  function* counted<T>(items: Iterable<T>): Generator<T, void> {
    for (const item of items) {
      seen.pages++
      yield item
    }
  }
  const [values, entries] = [pages.values.bind(pages), pages.entries.bind(pages)]
  Object.defineProperty(pages, 'values', { value: () => counted(values()) })
  Object.defineProperty(pages, Symbol.iterator, { value: () => counted(entries()) })
  return seen
}

describe('with many shards', () => {
  it('a put that names the number before it looks at no shard but its own', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: SHARDS })
    await harness.advance(5_000)
    const put = (after?: string): Promise<{ readonly SequenceNumber: string }> =>
      harness.call(PutRecord, {
        StreamName: 's',
        PartitionKey: 'k',
        Data: Uint8Array.of(1),
        ...(after === undefined ? {} : { SequenceNumberForOrdering: after }),
      })
    const first = await put()
    const stream = harness.service.findStream({ account: ACCOUNT, region: REGION, name: 's' })
    if (stream === undefined) throw new Error('the stream was created')
    const seen = countLooks(stream.pages)
    await put(first.SequenceNumber)
    expect(seen.pages).toBe(0)
  })

  it('all families of shards are found in one look', () => {
    const pages: ShardPages = new Map(evenStream(SHARDS, 0).pages)
    const seen = countLooks(pages)
    for (let number = 0; number < SHARDS; number++) expect(childrenOf({ pages }, number)).toEqual([])
    expect(seen.pages).toBe(pages.size)
  })

  it('a page of a listing passes over the shards before it, and leaves those behind it', () => {
    const { pages } = evenStream(SHARDS, 0)
    let looks = 0
    const isListed = (): boolean => ++looks > 0
    const first = listShardsAfter({ pages }, -1, 10, isListed)
    expect([first.shards.map(({ number }) => number), first.hasMore]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], true])
    expect(looks).toBe(11)
    looks = 0
    const last = listShardsAfter({ pages }, SHARDS - 3, 10, isListed)
    expect([last.shards.map(({ number }) => number), last.hasMore]).toEqual([[SHARDS - 2, SHARDS - 1], false])
    expect(looks).toBe(2)
    expect(listShardsAfter({ pages }, SHARDS - 3, 2, isListed).hasMore).toBe(false)
  })

  it('floors are written a hundred times in the time that records are kept, and whenever there is news', async () => {
    let floors = 0
    const counted = (engine: Engine): Engine => {
      const { trim } = engine.shards
      engine.shards.trim = (some) => {
        floors += some.length
        return trim.call(engine.shards, some)
      }
      return engine
    }
    await using harness = await ServiceHarness.open({ wrap: counted })
    await harness.call(CreateStream, { StreamName: 's', ShardCount: SHARDS })
    const floorsIn = async (minutes: number): Promise<number> => {
      floors = 0
      await harness.advance(minutes * 60_000, 60_000)
      return floors
    }
    expect(await floorsIn(2)).toBe(SHARDS)
    expect(await floorsIn(60)).toBe(4 * SHARDS)
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 8_760 })
    expect(await floorsIn(2)).toBe(SHARDS)
    expect(await floorsIn(60)).toBe(0)
    await harness.call(SplitShard, {
      StreamName: 's',
      ShardToSplit: '0',
      NewStartingHashKey: '2',
    })
    expect(await floorsIn(2)).toBe(SHARDS + 2)
  })

  it('streams at rest are not looked at by the timer that finishes changes', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    const stream = harness.service.findStream({ account: ACCOUNT, region: REGION, name: 's' })
    if (stream === undefined) throw new Error('the stream was created')
    let looks = 0
    Object.defineProperty(stream, 'change', { get: () => void looks++ })
    await harness.advance(10_000, 1_000)
    expect(looks).toBe(0)
  })

  it('an on-demand stream with as many as it wants, and no traffic, is left alone by the timer that scales', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', WarmThroughputMiBps: 0 })
    await harness.advance(10_000, 1_000)
    const stream = harness.service.findStream({ account: ACCOUNT, region: REGION, name: 's' })
    if (stream === undefined) throw new Error('the stream was created')
    const seen = countLooks(stream.pages)
    await harness.advance(60_000, 10_000)
    expect(seen.pages).toBe(0)
  })

  it('a service opens without a read for any of them', async () => {
    const clock = new VirtualClock()
    const disk = new SimulatedDisk({ random: seededRandom(1) })
    const open = (): Promise<Engine> =>
      openEmbeddedEngine({
        storage: { disk },
        clock,
        random: seededRandom(2),
        durability: 'fsync',
        segmentBytes: 64 * 1024,
        tailBytesMax: 8 * 1024,
      })
    {
      await using engine = await open()
      await using harness = await ServiceHarness.open({ clock, wrap: () => engine })
      await harness.call(CreateStream, { StreamName: 's', ShardCount: 100 })
      for (let round = 0; round < 10; round++)
        await harness.call(PutRecords, {
          StreamName: 's',
          Records: Array.from({ length: 200 }, (_, i) => ({
            PartitionKey: `${round} ${i}`,
            Data: new Uint8Array(100),
          })),
        })
    }
    await using engine = await open()
    // What the log itself looks at in the background comes first.
    await idle()
    let reads = 0
    disk.onOperation = ({ kind }) => void (kind === 'read' && reads++)
    await using harness = await ServiceHarness.open({ clock, wrap: () => engine })
    expect(harness.service.findStream({ account: ACCOUNT, region: REGION, name: 's' })?.openShards).toBe(100)
    expect(reads).toBe(0)
  })
})

describe('with many streams', () => {
  const STREAMS = 50

  async function makeStreams(harness: ServiceHarness): Promise<void> {
    for (let i = 0; i < STREAMS; i++)
      await harness.call(CreateStream, { StreamName: `s${String(i).padStart(2, '0')}`, ShardCount: 2 })
  }

  /** The names of streams that are looked at from now on. */
  async function lookedAt(harness: ServiceHarness): Promise<Set<string>> {
    const seen = new Set<string>()
    const { StreamNames } = await harness.call(ListStreams, { Limit: STREAMS })
    for (const name of StreamNames) {
      const stream = harness.service.findStream({ account: ACCOUNT, region: REGION, name })
      for (const [member, value] of Object.entries(stream ?? {}))
        Object.defineProperty(stream, member, { get: () => (seen.add(name), value as unknown) })
    }
    return seen
  }

  it('what is held against a quota looks at its own stream only', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    {
      await using harness = await ServiceHarness.open({ clock, memory })
      await makeStreams(harness)
    }
    // Of changes that are shown there may be a few at once only.
    await using harness = await ServiceHarness.open({ clock, memory, settings: { statusDelayMs: 1_000 } })
    const seen = await lookedAt(harness)
    await harness.call(CreateStream, { StreamName: 'new' })
    await harness.call(CreateStream, { StreamName: 'other', ShardCount: 1 })
    await harness.advance(2_000)
    const of = { StreamName: 'other' }
    await harness.call(UpdateShardCount, { ...of, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' })
    await harness.advance(2_000)
    const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 'other' })
    await harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
    await harness.call(ListChannels, {})
    expect(await harness.call(DescribeLimits, {})).toMatchObject({
      OpenShardCount: 2 * STREAMS + 2 + 4,
      OnDemandStreamCount: 1,
    })
    await harness.call(DeleteStream, { ...of, EnforceConsumerDeletion: true })
    expect(seen.size).toBe(0)
  })

  it('a page of streams looks at those on it only', async () => {
    await using harness = await ServiceHarness.open()
    await makeStreams(harness)
    const seen = await lookedAt(harness)
    const { StreamNames } = await harness.call(ListStreams, { Limit: 3, ExclusiveStartStreamName: 's10' })
    expect(StreamNames).toEqual(['s11', 's12', 's13'])
    expect([...seen]).toEqual(StreamNames)
  })
})
