import { HASH_KEY_MAX } from '@millrace/protocol'
import { seededRandom } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { evenStream, openShards } from '../testing/even-stream.ts'
import { meet } from './key-range.ts'
import { beginOnDemand, scaleOnDemand, type Scope, shardsForWarmThroughput } from './on-demand.ts'
import { beginReshard, closingParents, commitReshard } from './reshard.ts'
import { RoutingTable } from './routing.ts'
import type { OnDemand, Stream } from './stream.ts'
import { WriteTraffic } from './write-traffic.ts'

const NOW_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000
const SECONDS = 10
const MIB = 1024 * 1024
const RECORDS = 512
/** Of a window in which shards are to seem little busier or less busy than they are. */
const RECORDS_WITH_LITTLE_NOISE = 8_192
const SCOPE = { capacity: { bytes: MIB, records: 1000 }, shardsMin: 4, shardsMax: 200, room: () => 20_000 }

/** Where records lie, as hash keys; each is as likely as the others. */
type Keys = (random: () => number) => bigint

const anywhere: Keys = (random) => BigInt(Math.floor(random() * 2 ** 53)) << 75n
const oneKey: Keys = () => 5n << 100n
/** Nine tenths in a sixteenth of the key space. */
const crowded: Keys = (random) => (random() < 0.9 ? anywhere(random) >> 4n : anywhere(random))

/** An on-demand stream under a load, window by window. */
class World {
  stream: Stream
  nowMs = NOW_MS
  /** Changes of shards that were begun. */
  changes = 0
  /** Changes of what the stream remembers. */
  memories = 0
  #ref = 1000
  readonly #random = seededRandom(7)
  readonly #traffic = new WriteTraffic(this.#random)

  readonly #records: number

  constructor(shards = 4, onDemand: Partial<OnDemand> = {}, records = RECORDS) {
    this.#records = records
    const settings = { warmMiBps: 0, distribution: 'USER_PARTITION_KEY' as const, peaks: [] }
    this.stream = { ...evenStream(shards, NOW_MS), onDemand: { ...settings, ...onDemand } }
  }

  get shards(): number {
    return this.stream.openShards
  }

  /** One window with `miBps` written, and what follows from it. */
  window(miBps: number, keys: Keys = anywhere, scope: Partial<Scope> = {}, afterMs = SECONDS * 1000): void {
    this.nowMs += afterMs
    const routing = new RoutingTable(openShards(this.stream))
    if (miBps > 0) {
      const size = (miBps * MIB * SECONDS) / this.#records
      for (let i = 0; i < this.#records; i++) {
        const hash = keys(() => this.#random.float())
        this.#traffic.count(routing.find('', hash).ref, { key: 'k', explicitHash: hash, size })
      }
    }
    const traffic = { seconds: SECONDS, writes: this.#traffic.take() }
    const before = this.stream.onDemand
    if (before === undefined) throw new Error('the stream is on-demand')
    const { onDemand, steps } = scaleOnDemand(this.stream, before, traffic, { ...SCOPE, nowMs: this.nowMs, ...scope })
    if (onDemand !== before) this.memories++
    this.stream = { ...this.stream, onDemand }
    if (steps.length === 0) return
    this.changes++
    const begun = beginReshard(this.stream, steps, this.#ref, this.nowMs)
    this.#ref += begun.refs
    const closed = closingParents(begun.stream).map(() => ({ end: { commit: 1, index: 0 }, closedAtMs: this.nowMs }))
    this.stream = commitReshard(begun.stream, closed)
  }

  windows(count: number, miBps: number, keys: Keys = anywhere, scope: Partial<Scope> = {}): void {
    for (let i = 0; i < count; i++) this.window(miBps, keys, scope)
  }

  /** Windows an hour apart. */
  hours(count: number, miBps: number, keys: Keys = anywhere): void {
    for (let i = 0; i < count; i++) this.window(miBps, keys, {}, HOUR_MS)
  }

  expectPartition(): void {
    const open = openShards(this.stream)
    expect(open).toHaveLength(this.shards)
    expect(open[0]?.range.start).toBe(0n)
    expect(open.at(-1)?.range.end).toBe(HASH_KEY_MAX)
    for (const [i, { range }] of open.entries()) {
      const next = open[i + 1]
      if (next !== undefined) expect(meet(range, next.range)).toBe(true)
    }
  }
}

describe('an on-demand stream', () => {
  it('stays at four shards while each is less than half busy', () => {
    const world = new World()
    world.windows(100, 1.6)
    expect([world.shards, world.changes, world.memories]).toEqual([4, 0, 0])
  })

  it('has twice the shards that its peak needs, a minute after it rose', () => {
    const world = new World()
    world.windows(6, 16)
    expect(world.shards).toBeGreaterThanOrEqual(32)
    expect(world.shards).toBeLessThanOrEqual(64)
    world.expectPartition()
  })

  it('counts records as it counts bytes', () => {
    const world = new World()
    for (let i = 0; i < 6; i++) world.window(0.001, anywhere, { capacity: { bytes: MIB, records: RECORDS / 100 } })
    // 51.2 records/s are ten shards of 5.12: twice of that.
    expect(world.shards).toBeGreaterThanOrEqual(20)
  })

  it('splits a busy shard beyond that, where its traffic is halved', () => {
    const world = new World()
    world.windows(20, 1.6, crowded)
    // Nine tenths of 1.6 MiB/s lay in one shard.
    expect(world.shards).toBeGreaterThan(4)
    expect(world.shards).toBeLessThan(10)
    const busiest = Math.max(
      ...openShards(world.stream).map(({ range }) => Number(range.end - range.start) / Number(HASH_KEY_MAX)),
    )
    expect(busiest).toBeLessThanOrEqual(0.25)
    world.expectPartition()
  })

  it('does not split for the sake of a single key, which no split divides', () => {
    const world = new World()
    world.windows(100, 1, oneKey)
    expect([world.shards, world.changes]).toEqual([4, 0])
  })

  it('splits evenly a stream that places its records by itself', () => {
    const world = new World(4, { distribution: 'AUTO' })
    world.windows(10, 3.6, crowded)
    world.expectPartition()
    const sizes = openShards(world.stream).map(({ range }) => range.end - range.start + 1n)
    for (const size of sizes) expect(size & (size - 1n)).toBe(0n)
  })

  it('goes no further than its ceiling, nor than the quota of the account', () => {
    const ceiling = new World()
    ceiling.windows(40, 400)
    expect(ceiling.shards).toBe(200)
    const quota = new World()
    for (let i = 0; i < 40; i++) quota.window(400, anywhere, { room: () => 30 - quota.shards })
    expect(quota.shards).toBe(30)
  })

  it('has what its warm throughput needs, and gives it back', () => {
    expect(shardsForWarmThroughput(300, SCOPE.capacity)).toBe(300)
    const world = new World()
    world.windows(20, 0, anywhere, { shardsMin: 300 })
    expect(world.shards).toBe(300)
    world.expectPartition()
    world.windows(20, 0)
    expect(world.shards).toBe(4)
    world.expectPartition()
  })

  it('keeps its shards for thirty days after its peak, whatever the days in between are like', () => {
    const world = new World()
    world.windows(10, 16)
    const atPeak = world.shards
    world.hours(29 * 24, 0.5)
    expect(world.shards).toBe(atPeak)
    world.hours(3 * 24, 0.5)
    expect(world.shards).toBe(4)
    world.expectPartition()
  })

  it('does not go up and down with the days, nor when a month is over, whatever its keys are like', () => {
    for (const keys of [anywhere, crowded]) {
      const world = new World(4, {}, RECORDS_WITH_LITTLE_NOISE)
      const days = (count: number): void => {
        for (let turn = 0; turn < count * 2; turn++) world.window(turn % 2 === 0 ? 2 : 6, keys, {}, 12 * HOUR_MS)
      }
      // One month, and what is merged when it is over.
      days(40)
      const { changes } = world
      days(60)
      expect(world.changes - changes).toBeLessThanOrEqual(2)
    }
  })

  it('shrinks no lower than the next highest peak of those days', () => {
    const world = new World()
    world.windows(10, 16)
    world.hours(15 * 24, 0.5)
    world.windows(10, 6)
    world.hours(16 * 24, 0.5)
    expect(world.shards).toBeGreaterThanOrEqual(12)
    expect(world.shards).toBeLessThan(32)
    world.hours(16 * 24, 0.5)
    expect(world.shards).toBe(4)
  })

  it('remembers one number a day, and rarely writes it down', () => {
    const world = new World()
    world.hours(40 * 24, 16)
    expect(world.stream.onDemand?.peaks.length).toBeLessThanOrEqual(31)
    expect(world.memories).toBeLessThan(40 * 8)
  })

  it('keeps for thirty days the shards that it had as a provisioned stream', () => {
    const settings = { warmMiBps: 0, distribution: 'USER_PARTITION_KEY' as const }
    const world = new World(12, beginOnDemand(12, NOW_MS, settings))
    world.hours(29 * 24, 0)
    expect(world.shards).toBe(12)
    world.hours(2 * 24, 0)
    expect(world.shards).toBe(4)
  })

  it('begins nothing while it is changing, and remembers', () => {
    const world = new World()
    world.stream = { ...world.stream, status: 'UPDATING' }
    world.window(16)
    expect([world.changes, world.memories]).toEqual([0, 1])
  })

  it('settles under a steady load, whatever it is: then nothing changes any more', () => {
    const loads = fc.record({
      miBps: fc.double({ min: 0, max: 60, noNaN: true }),
      keys: fc.constantFrom(anywhere, oneKey, crowded),
      shards: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(loads, ({ miBps, keys, shards }) => {
        const world = new World(shards)
        for (let i = 0; i < 40; i++) {
          const before = world.shards
          world.window(miBps, keys)
          world.expectPartition()
          if (before >= 4) expect(world.shards).toBeGreaterThanOrEqual(4)
        }
        // Measured traffic varies from window to window: a shard near its threshold may still be split, no more.
        const { changes, shards: settled } = world
        world.windows(100, miBps, keys)
        expect(world.changes - changes).toBeLessThanOrEqual(5)
        expect(world.shards).toBeGreaterThanOrEqual(settled)
        expect(world.shards).toBeLessThanOrEqual(Math.max(200, shards))
      }),
      { numRuns: 25 },
    )
  })
})
