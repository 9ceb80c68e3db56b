import {
  CreateStream,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  HASH_KEY_MAX,
  ListShards,
  ListStreams,
  MergeShards,
  PutRecord,
  SplitShard,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { type Crash, crashingEngine } from '../testing/crashing-engine.ts'
import { bytesOf, idle, ServiceHarness } from '../testing/service-harness.ts'
import { readStream } from '../testing/whole-stream.ts'

const MIDDLE = ((HASH_KEY_MAX + 1n) / 2n).toString()
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

const create = (harness: ServiceHarness, shards = 2): Promise<unknown> =>
  harness.call(CreateStream, { StreamName: 's', ShardCount: shards })

const split = (harness: ServiceHarness): Promise<unknown> =>
  harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })

const merge = (harness: ServiceHarness): Promise<unknown> =>
  harness.call(MergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' })

async function putAll(harness: ServiceHarness, round: string): Promise<void> {
  for (const key of KEYS)
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: key, Data: bytesOf(`${key}${round}`) })
}

async function openRanges(harness: ServiceHarness): Promise<readonly string[]> {
  const { Shards = [] } = await harness.call(ListShards, { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } })
  return Shards.map(({ ShardId, HashKeyRange }) => `${ShardId} ${HashKeyRange.StartingHashKey}`)
}

const status = async (harness: ServiceHarness): Promise<string> =>
  (await harness.call(DescribeStreamSummary, { StreamName: 's' })).StreamDescriptionSummary.StreamStatus

/** Every change at which the server may die, with the change itself lost or only its answer. */
const crashPoints = (changes: number): readonly (readonly [number, boolean])[] =>
  Array.from({ length: changes }, (_, i) => [[i, false] as const, [i, true] as const]).flat()

/** Runs `act` on a server that dies at the given change, and returns the one that comes next. */
async function afterCrash(
  changesLeft: number,
  answerLost: boolean,
  steps: {
    readonly prepare?: (harness: ServiceHarness) => Promise<unknown>
    readonly act: (harness: ServiceHarness) => Promise<unknown>
  },
): Promise<ServiceHarness> {
  const crash: Crash = { answerLost }
  const first = await ServiceHarness.open({ wrap: (engine) => crashingEngine(engine, crash) })
  await steps.prepare?.(first)
  crash.changesLeft = changesLeft
  await expect(steps.act(first)).rejects.toMatchObject({ type: 'InternalFailure' })
  await first.service.close()
  return ServiceHarness.open({ clock: first.clock, memory: first.memory, seed: 2 })
}

describe('a server that dies while it creates a stream', () => {
  // cas intent · provision · cas commit
  it.each(crashPoints(3))(
    'after %i changes (answer lost: %s) leaves a stream that exists whole, or not at all',
    async (left, lost) => {
      await using next = await afterCrash(left, lost, { act: (harness) => create(harness, 3) })
      const { StreamNames } = await next.call(ListStreams, {})
      if (left === 0 && !lost) {
        expect(StreamNames).toEqual([])
        return
      }
      expect(StreamNames).toEqual(['s'])
      expect(await status(next)).toBe('ACTIVE')
      expect(await openRanges(next)).toHaveLength(3)
      await putAll(next, '')
      expect(await readStream(next, 's')).toHaveLength(KEYS.length)
    },
  )
})

describe('a server that dies while it reshards', () => {
  // cas intent · close · provision · cas commit
  it.each(crashPoints(4))(
    'splitting, after %i changes (answer lost: %s), loses and reorders nothing',
    async (left, lost) => {
      await using next = await afterCrash(left, lost, {
        prepare: async (harness) => {
          await create(harness, 1)
          await putAll(harness, '0')
        },
        act: split,
      })
      const isBegun = left > 0 || lost
      expect(await status(next)).toBe('ACTIVE')
      expect(await openRanges(next)).toEqual(
        isBegun ? ['shardId-000000000001 0', 'shardId-000000000002 1000'] : ['shardId-000000000000 0'],
      )
      await putAll(next, '1')
      const read = await readStream(next, 's')
      for (const key of KEYS) {
        const ofKey = read.filter((record) => record.key === key)
        expect(ofKey.map(({ text }) => text)).toEqual([`${key}0`, `${key}1`])
        expect(BigInt(ofKey[1]?.sequenceNumber ?? 0)).toBeGreaterThan(BigInt(ofKey[0]?.sequenceNumber ?? 0))
      }
    },
  )

  it.each(crashPoints(4))(
    'merging, after %i changes (answer lost: %s), loses and reorders nothing',
    async (left, lost) => {
      await using next = await afterCrash(left, lost, {
        prepare: async (harness) => {
          await create(harness)
          await putAll(harness, '0')
        },
        act: merge,
      })
      expect(await status(next)).toBe('ACTIVE')
      expect(await openRanges(next)).toHaveLength(left > 0 || lost ? 1 : 2)
      await putAll(next, '1')
      const read = await readStream(next, 's')
      for (const key of KEYS)
        expect(read.filter((record) => record.key === key).map(({ text }) => text)).toEqual([`${key}0`, `${key}1`])
    },
  )
})

describe('a server that dies while it deletes a stream', () => {
  // cas intent · drop · cas removal
  it.each(crashPoints(3))('after %i changes (answer lost: %s) leaves it whole, or gone', async (left, lost) => {
    await using next = await afterCrash(left, lost, {
      prepare: create,
      act: (harness) => harness.call(DeleteStream, { StreamName: 's' }),
    })
    const { StreamNames } = await next.call(ListStreams, {})
    expect(StreamNames).toEqual(left === 0 && !lost ? ['s'] : [])
    if (StreamNames.length > 0) return
    await create(next)
    expect(await openRanges(next)).toHaveLength(2)
  })
})

describe('a change that a live server left begun', () => {
  it('is finished by its own background sweep', async () => {
    const crash: Crash = {}
    await using harness = await ServiceHarness.open({ wrap: (engine) => crashingEngine(engine, crash) })
    await create(harness, 1)
    crash.changesLeft = 2
    await expect(split(harness)).rejects.toMatchObject({ type: 'InternalFailure' })
    expect(await status(harness)).toBe('UPDATING')
    delete crash.changesLeft
    await harness.advance(5_000, 1_000)
    expect(await status(harness)).toBe('ACTIVE')
    expect(await openRanges(harness)).toHaveLength(2)
  })

  it('is finished by a put that finds its shard closed', async () => {
    const crash: Crash = { changesLeft: 2 }
    await using whole = await ServiceHarness.open()
    await create(whole, 1)
    await using dying = await ServiceHarness.open({
      clock: whole.clock,
      memory: whole.memory,
      wrap: (engine) => crashingEngine(engine, crash),
    })
    await expect(split(dying)).rejects.toMatchObject({ type: 'InternalFailure' })
    const { ShardId } = await whole.call(PutRecord, {
      StreamName: 's',
      PartitionKey: 'k',
      ExplicitHashKey: '5',
      Data: bytesOf('x'),
    })
    expect(ShardId).toBe('shardId-000000000001')
    expect(await status(whole)).toBe('ACTIVE')
  })
})

describe('a status delay', () => {
  it('shows CREATING without shards, then UPDATING with the old ones, then DELETING', async () => {
    await using harness = await ServiceHarness.open({ settings: { statusDelayMs: 500 } })
    const describeIt = async (): Promise<string> => {
      const { StreamDescription } = await harness.call(DescribeStream, { StreamName: 's' })
      return `${StreamDescription.StreamStatus} ${StreamDescription.Shards.length}`
    }
    await create(harness, 1)
    expect(await describeIt()).toBe('CREATING 0')
    await harness.advance(499)
    expect(await describeIt()).toBe('CREATING 0')
    await harness.advance(100, 50)
    expect(await describeIt()).toBe('ACTIVE 1')
    await split(harness)
    expect(await describeIt()).toBe('UPDATING 1')
    await putAll(harness, '')
    await harness.advance(550, 50)
    expect(await describeIt()).toBe('ACTIVE 3')
    await harness.call(DeleteStream, { StreamName: 's' })
    expect(await describeIt()).toBe('DELETING 3')
    await harness.advance(550, 50)
    expect(await harness.fault(DescribeStream, { StreamName: 's' })).toBe(
      'ResourceNotFoundException: Stream s under account 123456789012 not found.',
    )
  })

  it('allows five streams in creation, and five in deletion, at a time', async () => {
    await using harness = await ServiceHarness.open({ settings: { statusDelayMs: 500 } })
    const limit =
      'LimitExceededException: This request would have exceed the limit on the number of streams that can ' +
      'simultaneously be in CREATING or DELETING for the account 123456789012. Limit: 5.'
    for (let i = 0; i < 5; i++) await harness.call(CreateStream, { StreamName: `s${i}`, ShardCount: 1 })
    expect(await harness.fault(CreateStream, { StreamName: 's5', ShardCount: 1 })).toBe(limit)
    await harness.advance(1_500, 100)
    await harness.call(CreateStream, { StreamName: 's5', ShardCount: 1 })
    await harness.advance(1_500, 100)
    for (let i = 0; i < 5; i++) await harness.call(DeleteStream, { StreamName: `s${i}` })
    expect(await harness.fault(DeleteStream, { StreamName: 's5' })).toBe(limit)
  })
})

describe('births', () => {
  it('lead the clock by two seconds at most: a third generation waits', async () => {
    await using harness = await ServiceHarness.open()
    await create(harness, 1)
    for (const [shard, at] of [
      ['0', MIDDLE],
      ['1', '1000'],
    ] as const)
      await harness.call(SplitShard, { StreamName: 's', ShardToSplit: shard, NewStartingHashKey: at })
    const third = harness.call(SplitShard, { StreamName: 's', ShardToSplit: '3', NewStartingHashKey: '100' })
    await idle()
    expect(await status(harness)).toBe('UPDATING')
    await harness.advance(1_000)
    await third
    expect(await status(harness)).toBe('ACTIVE')
  })

  it('stay ahead of the parents’ after the clock stepped back, without stopping reshards for as long', async () => {
    await using harness = await ServiceHarness.open()
    await create(harness, 1)
    await putAll(harness, '0')
    harness.clock.stepWall(-3_600_000)
    const pending = split(harness)
    await idle()
    await harness.advance(3_000)
    await pending
    await putAll(harness, '1')
    const read = await readStream(harness, 's')
    for (const key of KEYS) {
      const numbers = read.filter((record) => record.key === key).map(({ sequenceNumber }) => BigInt(sequenceNumber))
      expect((numbers[1] ?? 0n) > (numbers[0] ?? 0n)).toBe(true)
    }
  })

  it('of a stream made again under the same name are later than all of the one before', async () => {
    await using harness = await ServiceHarness.open()
    const starts: bigint[] = []
    for (let life = 0; life < 3; life++) {
      await create(harness, 1)
      const { Shards = [] } = await harness.call(ListShards, { StreamName: 's' })
      starts.push(BigInt(Shards[0]?.SequenceNumberRange.StartingSequenceNumber ?? 0))
      await harness.call(DeleteStream, { StreamName: 's' })
    }
    expect(starts).toEqual([...starts].sort((a, b) => (a < b ? -1 : 1)))
    expect(new Set(starts).size).toBe(3)
  })

  it('of a stream made again many times in a second lead the clock, the times of its records do not', async () => {
    await using harness = await ServiceHarness.open()
    for (let life = 0; life < 20; life++) {
      await create(harness, 1)
      await harness.call(DeleteStream, { StreamName: 's' })
    }
    await create(harness, 1)
    await putAll(harness, '')
    const now = harness.clock.now()
    const read = await readStream(harness, 's')
    expect(read.every(({ timeMs }) => timeMs === now)).toBe(true)
    const { Shards = [] } = await harness.call(ListShards, {
      StreamName: 's',
      ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: now },
    })
    expect(Shards).toHaveLength(1)
    const start = BigInt(Shards[0]?.SequenceNumberRange.StartingSequenceNumber ?? 0)
    for (const { sequenceNumber } of read) expect(BigInt(sequenceNumber)).toBeGreaterThan(start)
  })
})
