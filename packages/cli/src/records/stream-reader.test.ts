import { seededRandom, VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeError, FakeStream, runOnVirtualTime } from '../testing/fake-stream.ts'
import type { StartPosition } from '../values/position.ts'
import { StreamReader, type StreamReaderOptions } from './stream-reader.ts'

interface Reading {
  readonly clock: VirtualClock
  readonly fake: FakeStream
  readonly abort: AbortController
  /** Reads on until the reader ends, or `enough` records were seen; gives their texts. */
  read(options?: Partial<StreamReaderOptions> & { readonly enough?: number }): Promise<readonly string[]>
}

function setUp(shards: number, fakeOptions: { readonly withoutChildShards?: boolean } = {}): Reading {
  const clock = new VirtualClock()
  const fake = new FakeStream({ clock, shards, ...fakeOptions })
  const abort = new AbortController()
  const read: Reading['read'] = ({ enough = Infinity, ...options } = {}) => {
    const reader = new StreamReader({
      kinesis: fake,
      stream: 's',
      position: { kind: 'trim-horizon' },
      untilEnd: true,
      pollIntervalMs: 400,
      clock,
      random: seededRandom(1),
      signal: abort.signal,
      ...options,
    })
    const collect = async (): Promise<readonly string[]> => {
      const texts: string[] = []
      for await (const batch of reader.batches()) {
        for (const record of batch.records) texts.push(Buffer.from(record.Data).toString())
        if (texts.length >= enough) break
      }
      return texts
    }
    return runOnVirtualTime(clock, collect())
  }
  return { clock, fake, abort, read }
}

describe('StreamReader', () => {
  it('reads all shards to the tip and stops there', async () => {
    const { fake, read } = setUp(3)
    for (let i = 0; i < 30; i++) fake.put(`k${i}`, String(i))
    expect([...(await read())].sort()).toEqual(Array.from({ length: 30 }, (_, i) => String(i)).sort())
  })

  it.each([
    ['polled', {}, {}],
    ['polled, without child shards', { withoutChildShards: true }, {}],
    ['pushed', {}, { consumerArn: 'arn' }],
  ])('keeps the order per key through any reshards (%s)', async (_, options, reading) => {
    const reshard = fc.oneof(
      fc.record({ kind: fc.constant('split' as const), at: fc.nat(5) }),
      fc.record({ kind: fc.constant('merge' as const), at: fc.nat(5) }),
      fc.record({ kind: fc.constant('put' as const), at: fc.nat(20) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(reshard, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { fake, read } = setUp(2, options)
        let number = 0
        const putSome = (): void => {
          for (let i = 0; i < 8; i++) fake.put(`k${i}`, `k${i} ${String(++number).padStart(6, '0')}`)
        }
        putSome()
        for (const { kind, at } of steps) {
          const open = fake.openShards
          const index = open[at % open.length] ?? 0
          const neighbour = fake.neighbourOf(index)
          if (kind === 'split') fake.split(index)
          else if (kind === 'merge' && neighbour !== undefined) fake.merge(index, neighbour)
          putSome()
        }
        // As after five minutes: the subscription ends, and is begun anew.
        fake.subscriptionEvents = 2
        const texts = await read(reading)
        expect(texts).toHaveLength(number)
        for (let i = 0; i < 8; i++) {
          const ofKey = texts.filter((text) => text.startsWith(`k${i} `))
          expect(ofKey).toEqual([...ofKey].sort())
        }
      }),
      { numRuns: 30 },
    )
  })

  it('follows a stream that is split while it reads, without missing a record', async () => {
    const { fake, read } = setUp(1)
    let written = 0
    fake.onCall = (operation) => {
      if (operation !== 'GetRecords' || written === 40) return
      fake.put(`k${written % 4}`, String(written++))
      if (written === 10) fake.split(0)
      if (written === 25) fake.merge(1, 2)
    }
    const seen: string[] = []
    const texts = await read({
      untilEnd: false,
      position: { kind: 'latest' },
      enough: 40,
      onReshard: (shard, children) => seen.push(`${shard.at(-1)} → ${children.map((id) => id.at(-1)).join()}`),
    })
    expect([...texts].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
    expect([seen[0], seen.slice(1).sort()]).toEqual(['0 → 1,2', ['1 → 3', '2 → 3']])
  })

  it('is pushed through splits, merges, the ends of subscriptions and a server that is away, without a loss', async () => {
    const { clock, fake, read } = setUp(1)
    fake.subscriptionEvents = 3
    const subscribedAtMs: number[] = []
    let written = 0
    fake.onCall = (operation) => {
      if (operation === 'GetShardIterator') subscribedAtMs.push(clock.monotonic())
      if (operation !== 'GetRecords' || written === 40) return
      fake.put(`k${written % 4}`, String(written++))
      if (written === 10) fake.split(0)
      if (written % 15 === 0) fake.troubles.push(new FakeError('ServiceUnavailable', true))
      if (written === 25) fake.merge(1, 2)
    }
    const texts = await read({ untilEnd: false, position: { kind: 'latest' }, enough: 40, consumerArn: 'arn' })
    expect([...texts].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
    expect(subscribedAtMs.length).toBeGreaterThan(5)
  })

  it('does not subscribe again within five seconds', async () => {
    const { clock, fake, abort, read } = setUp(1)
    fake.subscriptionEvents = 1
    const subscribedAtMs: number[] = []
    fake.onCall = (operation) => {
      if (operation === 'GetShardIterator') subscribedAtMs.push(clock.monotonic())
      if (subscribedAtMs.length === 5) abort.abort()
    }
    await read({ untilEnd: false, consumerArn: 'arn' })
    const gaps = subscribedAtMs.slice(1).map((at, i) => at - (subscribedAtMs[i] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5_000)
  })

  it('begins at LATEST before it says that it is ready', async () => {
    const { fake, read } = setUp(2)
    fake.put('a', 'before')
    const texts = await read({
      untilEnd: false,
      position: { kind: 'latest' },
      enough: 1,
      onReady: (shards) => fake.put('a', `after ${shards}`),
    })
    expect(texts).toEqual(['after 2'])
  })

  it.each<[string, StartPosition, readonly string[]]>([
    ['a time', { kind: 'time', timeMs: 1_700_000_002_000 }, ['2', '3', '4']],
    ['a sequence number', { kind: 'sequence', sequenceNumber: '4', after: false }, ['3', '4']],
    ['behind a sequence number', { kind: 'sequence', sequenceNumber: '4', after: true }, ['4']],
  ])('begins at %s', async (_, position, expected) => {
    const { clock, fake, read } = setUp(1)
    for (let i = 0; i < 5; i++) {
      fake.put('a', String(i))
      clock.advance(1000)
    }
    expect(await read({ position, shardId: 'shardId-000000000000' })).toEqual(expected)
  })

  it('reads one shard alone, and not its children', async () => {
    const { fake, read } = setUp(1)
    fake.put('a', 'parent')
    fake.split(0)
    fake.put('a', 'child')
    expect(await read({ shardId: 'shardId-000000000000' })).toEqual(['parent'])
  })

  it('survives throttling, a server that is away for a while, and expired iterators', async () => {
    const { fake, read } = setUp(1)
    for (let i = 0; i < 9; i++) fake.put('a', String(i))
    const troubles = [
      new FakeError('ProvisionedThroughputExceededException', true),
      new FakeError('ExpiredIteratorException', false),
      new FakeError('ServiceUnavailable', true),
      new FakeError('ServiceUnavailable', true),
    ]
    fake.onCall = (operation) => {
      const trouble = operation === 'GetRecords' ? troubles.shift() : undefined
      if (trouble !== undefined) fake.troubles.push(trouble)
    }
    const told: unknown[] = []
    expect(await read({ onTrouble: (error) => told.push(error) })).toHaveLength(9)
    expect(told).toHaveLength(3)
  })

  it('ends with the error that no patience helps against', async () => {
    const { fake, read } = setUp(1)
    fake.onCall = () => fake.troubles.push(new FakeError('AccessDeniedException', false))
    await expect(read()).rejects.toThrow('AccessDeniedException')
  })

  it('gives up on a place where the service fails inside again and again, and says where', async () => {
    const { fake, read } = setUp(1)
    for (let i = 0; i < 9; i++) fake.put('a', String(i))
    fake.onCall = (operation) => {
      if (operation === 'GetRecords') fake.troubles.push(new FakeError('InternalFailure', true))
    }
    await expect(read()).rejects.toThrow(
      /^shardId-000000000000 of \w+ cannot be read at the start asked for: .* 5 times$/,
    )
    expect(fake.calls.filter((name) => name === 'GetRecords')).toHaveLength(5)
  })

  it('never reads a shard more than five times in a second, and rests at the tip', async () => {
    const { clock, fake, abort, read } = setUp(1)
    for (let i = 0; i < 60; i++) fake.put('a', String(i))
    const readsAtMs: number[] = []
    fake.onCall = (operation) => {
      if (operation === 'GetRecords') readsAtMs.push(clock.monotonic())
      if (clock.monotonic() > 20_000) abort.abort()
    }
    await read({ untilEnd: false })
    const busiest = Math.max(
      ...readsAtMs.map((at) => readsAtMs.filter((other) => other >= at && other < at + 1000).length),
    )
    expect(busiest).toBeLessThanOrEqual(5)
    const resting = readsAtMs.filter((at) => at > 15_000 && at <= 20_000)
    expect(resting.length).toBeLessThanOrEqual(13)
    expect(resting.length).toBeGreaterThanOrEqual(11)
  })

  it('leaves quietly when it is told to stop', async () => {
    const { abort, fake, read } = setUp(2)
    fake.put('a', 'x')
    fake.onCall = () => abort.abort(new Error('enough'))
    expect(await read({ untilEnd: false })).toEqual([])
  })
})
