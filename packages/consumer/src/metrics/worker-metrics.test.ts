import { KinesisServiceError, KinesisTransportError } from '@millrace/client'
import { sleep } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import type { LeaseStore } from '../leases/lease-store.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import type { RecordProcessor } from '../record-processor.ts'
import type { StreamService } from '../service.ts'
import { aggregate } from '../testing/aggregate.ts'
import { passTime } from '../testing/pass-time.ts'
import { RecordingSink } from '../testing/recording-sink.ts'
import { SimulatedStream } from '../testing/simulated-stream.ts'
import { type StoreTroubles, troubledStore } from '../testing/troubled-store.ts'
import { Worker } from '../worker.ts'
import type { WorkerOptions } from '../worker-options.ts'
import { catalog, everyMetric } from './metric-catalog.ts'
import type { MetricsOptions } from './metrics-sink.ts'
import { WorkerMetrics } from './worker-metrics.ts'

const never = new AbortController().signal
const sinks: RecordingSink[] = []

/** An application on a virtual clock, whose workers tell their metrics to one sink. */
class World {
  readonly clock = new VirtualClock()
  readonly sink = new RecordingSink()
  readonly stream: SimulatedStream
  readonly leases = new MemoryLeases(this.clock)
  readonly troubles: StoreTroubles = { failing: 0, late: 0, lateMs: 0, slowMs: 0, isCut: false }
  readonly shards: readonly string[]

  constructor(shards = 1) {
    this.stream = new SimulatedStream('orders', shards, this.clock)
    this.shards = this.stream.open
    sinks.push(this.sink)
  }

  start(
    processor: Partial<RecordProcessor> = {},
    options: Partial<WorkerOptions> & { readonly level?: MetricsOptions['level']; readonly perShard?: boolean } = {},
  ): Worker {
    const { level, perShard, ...more } = options
    const random = seededRandom(1)
    const worker = new Worker({
      client: this.stream.service({ throttled: 0, broken: 0 }, random),
      application: 'billing',
      stream: 'orders',
      leases: troubledStore(this.leases.open(), this.troubles, this.clock, random),
      metrics: { sink: this.sink, level, perShard },
      workerId: 'w1',
      clock: this.clock,
      random,
      ...more,
    })
    void worker.run(() => ({ processRecords: ({ checkpointer }) => checkpointer.checkpoint(), ...processor }))
    return worker
  }

  put(records: number, bytes = 3): void {
    for (let i = 0; i < records; i++) this.stream.put(`key-${i}`, new Uint8Array(bytes))
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms)
  }

  gauge(name: string): readonly number[] {
    return [...this.sink.gauges].filter(([key]) => key.startsWith(`${name} `)).map(([, value]) => value)
  }
}

/** One shard that is read, processed, and split; a worker that stops. */
async function quiet(): Promise<World> {
  const world = new World()
  world.put(5)
  const worker = world.start({
    initialize: () => sleep(world.clock, 30),
    processRecords: async ({ checkpointer }) => {
      await sleep(world.clock, 200)
      await checkpointer.checkpoint()
    },
    shardEnded: () => sleep(world.clock, 40),
  })
  await world.pass(5_000)
  world.stream.split(world.shards[0] ?? '')
  await world.pass(5_000)
  void worker.stop()
  await world.pass(5_000)
  return world
}

/** A processor that fails, by all ways of the failure policy, and is slow. */
async function failing(): Promise<World> {
  const world = new World(3)
  const [skipping, burying] = world.shards
  let buried = 0
  const policy = {
    retry: { retries: 1, baseMs: 10, maxMs: 10 },
    bisect: true,
    poison: async ({ shardId }: { readonly shardId: string }) => {
      if (shardId === burying && buried++ === 0) throw new Error('the sink is full')
    },
  }
  const process: RecordProcessor['processRecords'] = async ({ shardId, records, checkpointer }) => {
    if (shardId === skipping || shardId === burying) throw new Error('simulated')
    if (records.length > 0) await sleep(world.clock, 2_000)
    await checkpointer.checkpoint()
  }
  const first = world.start({ processRecords: process }, { failure: policy, slowMs: 1_000 })
  world.put(12)
  await world.pass(20_000)
  void first.stop()
  await world.pass(5_000)
  world.put(3)
  world.start({ processRecords: process }, { failure: { ...policy, poison: 'skip' }, workerId: 'w2' })
  await world.pass(20_000)
  return world
}

/** Reading that is refused, throttled, and finds records of others. */
async function troubled(): Promise<World> {
  const world = new World(2)
  const service = world.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
  const failures = ['ExpiredIteratorException', 'ProvisionedThroughputExceededException']
  const getRecords: StreamService['getRecords'] = (input, options) => {
    const type = failures.shift()
    if (type === undefined) return service.getRecords(input, options)
    return Promise.reject(new KinesisServiceError({ type, message: type, status: 400, retryable: true, requestId: undefined, operation: 'GetRecords', outcome: 'not-done', attempts: 1 })) // prettier-ignore
  }
  const keys = [0n, 2n ** 127n].map(String)
  world.stream.put('any', aggregate(keys.map((hashKey, i) => ({ key: `k${i}`, hashKey }))))
  world.start({}, { client: { ...service, getRecords } })
  await world.pass(10_000)
  return world
}

/** Leases that are not level, that are beyond a bound, are taken away, and whose store fails. */
async function contested(): Promise<World> {
  const world = new World(4)
  const store = world.leases.open()
  const looked = () => store.beat({ worker: 'looker', ttlMs: 1, waitMs: 0, held: [], capacity: 0 }, never)
  const worker = world.start({}, { leasesMax: 3 })
  await world.pass(3_000)
  world.start({}, { workerId: 'w2' })
  await world.pass(3_000)
  const { leases } = await looked()
  const mine = leases.find(({ owner }) => owner === 'w1')
  if (mine === undefined) throw new Error('expected w1 to hold a lease')
  await store.update([{ key: mine.key, epoch: mine.epoch, change: { epoch: mine.epoch + 1 } }], never)
  await world.pass(3_000)
  world.troubles.failing = 0.9
  await world.pass(3_000)
  world.troubles.failing = 0
  void worker.stop()
  await world.pass(10_000)
  return world
}

/** Two begin at once: the slower of the two is told that the leases are another's. */
async function racing(): Promise<World> {
  const world = new World(4)
  let isFirst = true
  const late = (store: LeaseStore): LeaseStore => ({
    ...store,
    update: async (updates, signal) => {
      // As by another who was faster, and died.
      for (const { key, epoch } of isFirst ? updates : [])
        await store.update([{ key, epoch, change: { owner: 'faster', epoch: epoch + 1 } }], signal)
      isFirst = false
      return store.update(updates, signal)
    },
  })
  world.start({}, { leases: late(world.leases.open()) })
  await world.pass(2_000)
  return world
}

describe('the metrics of a worker', () => {
  let worlds: Record<'quiet' | 'failing' | 'troubled' | 'contested' | 'racing', World>
  const w1 = { Application: 'billing', WorkerIdentifier: 'w1' }

  beforeAll(async () => {
    worlds = {
      quiet: await quiet(),
      failing: await failing(),
      troubled: await troubled(),
      contested: await contested(),
      racing: await racing(),
    }
  })

  it('tell what is processed, of which shard, and how long it takes', () => {
    const { sink, shards } = worlds.quiet
    const dimensions = {
      Application: 'billing',
      Operation: 'ProcessTask',
      StreamId: 'orders',
      ShardId: shards[0] ?? '',
    }
    expect(sink.of(catalog.recordsProcessed, dimensions)).toEqual([5])
    expect(sink.of(catalog.dataBytesProcessed, dimensions)).toEqual([15])
    expect(sink.of(catalog.processRecordsTime, dimensions)).toEqual([200])
    expect(sink.of(catalog.processSuccess, dimensions)).toEqual([1])
    const [stored, storedMs] = catalog.updateLease
    // The records and SHARD_END.
    expect(sink.of(stored, dimensions)).toEqual([1, 1])
    expect(sink.of(storedMs, dimensions)).toEqual([0, 0])
  })

  it('tell the lag in time, and in records where it is known', () => {
    const { sink, shards } = worlds.quiet
    const of = { ShardId: shards[0] ?? '' }
    // The first look may come between a record and the read that gives it.
    expect(Math.max(...sink.of(catalog.behindLatest, of))).toBeLessThan(100)
    expect(sink.of(catalog.behindLatest, of).at(-1)).toBe(0)
    expect(sink.of(catalog.recordsBehindLatest, of).slice(0, 2)).toEqual([5, 0])
    expect(Math.max(...sink.of(catalog.workerBehindLatest, w1))).toBeLessThan(100)
    expect(sink.of(catalog.workerBehindLatest, w1).at(-1)).toBe(0)
  })

  it('have a lag grow while a slow processor keeps the reader from asking', async () => {
    const world = new World()
    world.put(5)
    world.start({ processRecords: () => sleep(world.clock, 60_000) }, { prefetch: { batchesMax: 1 } })
    await world.pass(5_000)
    world.put(5)
    await world.pass(5_000)
    world.put(5)
    await world.pass(40_000)
    // Read at 5 s, when 5 records came; nothing since.
    const [ofShard = 0, ofWorker] = world.gauge('MillisBehindLatest').toSorted((a, b) => b - a)
    expect(ofShard).toBeGreaterThan(40_000)
    expect(ofWorker).toBe(ofShard)
    expect(world.gauge('RecordsBehindLatest')).toEqual([])
    await world.pass(180_000)
    expect(world.gauge('MillisBehindLatest')).toEqual([0, 0])
    expect(world.gauge('RecordsBehindLatest')).toEqual([0])
  })

  it('have a lag grow while the service does not answer', async () => {
    const world = new World()
    const service = world.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    let isAway = false
    const away = () => Promise.reject(new KinesisTransportError('connect', 'nobody is there', { outcome: 'not-done' }))
    const getRecords: StreamService['getRecords'] = (...args) => (isAway ? away() : service.getRecords(...args))
    world.start({}, { client: { ...service, getRecords } })
    await world.pass(5_000)
    expect(Math.max(...world.gauge('MillisBehindLatest'))).toBe(0)
    isAway = true
    await world.pass(30_000)
    expect(Math.min(...world.gauge('MillisBehindLatest'))).toBeGreaterThan(28_000)
    isAway = false
    await world.pass(10_000)
    expect(world.gauge('MillisBehindLatest')).toEqual([0, 0])
  })

  it('tell calls that read, shards that begin and end, and calls of the processor at both', () => {
    const { sink, shards } = worlds.quiet
    const of = { ShardId: shards[0] ?? '' }
    expect(sink.sum(catalog.getRecords[0], of)).toBe(sink.of(catalog.getRecords[1], of).length)
    expect(sink.sum(catalog.getRecords[0], of)).toBeGreaterThan(5)
    expect(sink.of(catalog.getIterator[0], of)).toEqual([1])
    expect(sink.of(catalog.getIterator[1], of)).toEqual([0])
    expect(sink.of(catalog.initialize[0], of)).toEqual([1])
    expect(sink.of(catalog.initialize[1], of)).toEqual([30])
    expect(sink.of(catalog.initializeTime, of)).toEqual([30])
    expect(sink.of(catalog.shutdown[0], of)).toEqual([1])
    expect(sink.of(catalog.shutdown[1], of)).toEqual([40])

    expect(sink.of(catalog.shutdownTime, of)).toEqual([40])
    expect(sink.of(catalog.shardsLeft, { Outcome: 'ended' })).toEqual([1])
    expect(sink.of(catalog.shardsLeft, { Outcome: 'released' })).toEqual([1, 1])
  })

  it('tell what the worker has, and how its store answers', () => {
    const { sink } = worlds.quiet
    expect(sink.of(catalog.numWorkers, w1)).toContain(1)
    expect(Math.max(...sink.of(catalog.totalLeases, w1))).toBe(3)
    expect(sink.of(catalog.currentLeases, w1)).toContain(2)
    expect(sink.sum(catalog.leasesToTake, w1)).toBe(3)
    expect(sink.sum(catalog.takenLeases, w1)).toBe(3)
    expect(sink.sum(catalog.untakenLeases, w1)).toBe(0)
    expect(sink.sum(catalog.takeLease[0], w1)).toBe(sink.of(catalog.takeLease[1], w1).length)
    expect(sink.sum(catalog.createLease[0], w1)).toBe(sink.of(catalog.createLease[1], w1).length)
    expect(sink.sum(catalog.createLease[0], w1)).toBeGreaterThan(0)
    // A beat is held until there is news, a second at most.
    expect(sink.sum(catalog.renewLease[0], w1)).toBeGreaterThan(5)
    expect(Math.max(...sink.of(catalog.renewLease[1], w1))).toBe(1_000)
    expect(sink.sum(catalog.lostLeases, w1)).toBe(0)
  })

  it('forget the gauges of shards that were left', () => {
    // The one that stays is the worker's own.
    expect(worlds.quiet.gauge('MillisBehindLatest')).toHaveLength(1)
    expect(worlds.quiet.gauge('RecordsBehindLatest')).toEqual([])
    expect(worlds.failing.gauge('RecordsBehindLatest')).toEqual([0, 0, 0])
  })

  it('tell failures by what becomes of them', () => {
    const { sink } = worlds.failing
    const [skipping, burying] = worlds.failing.shards
    const of = (Outcome: string) => sink.sum(catalog.failures, { Outcome })
    expect(of('retry')).toBeGreaterThan(0)
    expect(of('bisect')).toBeGreaterThan(0)
    expect(of('dead-letter')).toBe(sink.sum(catalog.deadLettered))
    expect(of('skip')).toBe(sink.sum(catalog.skipped))
    expect(sink.sum(catalog.deadLettered)).toBeGreaterThan(0)
    expect(sink.sum(catalog.skipped)).toBeGreaterThan(0)
    expect(sink.of(catalog.deadLetterFailures)).toEqual([1])
    expect(new Set(sink.of(catalog.processSuccess, { ShardId: skipping ?? '' }))).toEqual(new Set([0]))
    expect(sink.of(catalog.recordsProcessed, { ShardId: burying ?? '' })).toEqual([])
    expect(sink.sum(catalog.slowCalls)).toBeGreaterThan(0)
  })

  it('tell what reading runs into', () => {
    const { sink } = worlds.troubled
    expect(sink.of(catalog.expiredIterator)).toEqual([1])
    expect(sink.of(catalog.readFailures)).toEqual([1])
    expect(sink.of(catalog.readerConditions, { Condition: 'troubled' })).toEqual([1])
    expect(sink.of(catalog.getRecords[0]).filter((isDone) => isDone === 0)).toHaveLength(2)
    expect(sink.of(catalog.dropped, { Reason: 'out-of-range' })).toEqual([1])
  })

  it('tell what becomes of leases among workers', () => {
    const { sink } = worlds.contested
    // Of four, one is left because three are the bound, until the second worker comes and takes its share.
    expect(sink.of(catalog.leaseSpillover, w1)).toContain(1)
    expect(sink.of(catalog.expiredLeases, w1)).toContain(1)
    expect(sink.sum(catalog.reassignments)).toBeGreaterThan(0)
    expect(sink.sum(catalog.lostLeases)).toBe(sink.of(catalog.shardsLeft, { Outcome: 'lost' }).length)
    expect(sink.sum(catalog.lostLeases, w1)).toBeGreaterThan(0)
    expect(sink.of(catalog.renewLease[0], w1)).toContain(0)
    expect(worlds.racing.sink.sum(catalog.untakenLeases, w1)).toBe(4)
    expect(worlds.racing.sink.sum(catalog.takenLeases, w1)).toBe(4)
    expect(worlds.racing.sink.sum(catalog.leasesToTake, w1)).toBe(8)
  })

  it('tell hash keys that no lease has', () => {
    const sink = new RecordingSink()
    sinks.push(sink)
    const metrics = new WorkerMetrics({ sink, application: 'billing', worker: 'w1', leasesMax: 1, clock: new VirtualClock() }) // prettier-ignore
    metrics.tell({ kind: 'holes', stream: 'orders', holes: 2 })
    expect(sink.of(catalog.partialLeases, { StreamId: 'orders' })).toEqual([1])
  })

  it('tell shards that are older than the retention', async () => {
    const world = new World()
    const [old = ''] = world.shards
    const worker = world.start()
    await world.pass(2_000)
    world.stream.split(old)
    world.stream.expire(old)
    await world.pass(30_000)
    expect(world.sink.of(catalog.shardsExpired, { StreamId: 'orders' })).toEqual([1])
    await Promise.all([worker.stop(), world.pass(5_000)])
  })

  it('tell gaps of the retention, by whether records were lost in them', () => {
    const sink = new RecordingSink()
    sinks.push(sink)
    const metrics = new WorkerMetrics({ sink, application: 'billing', worker: 'w1', leasesMax: 1, clock: new VirtualClock() }) // prettier-ignore
    const shard = { stream: 'orders', shardId: 'shardId-000000000000' }
    const times = { readToMs: 1, horizonMs: 3, firstAtMs: 4 }
    for (const isLikely of [true, false, undefined])
      metrics.tell({ kind: 'retention-gap', ...shard, ...times, isLikely })
    for (const Outcome of ['likely', 'unlikely', 'unknown'])
      expect(sink.of(catalog.retentionGaps, { StreamId: 'orders', Outcome })).toEqual([1])
  })

  it('are all of the catalog, each with its dimensions', () => {
    const samples = sinks.flatMap((sink) => sink.samples)
    expect(new Set(samples.map(({ metric }) => metric))).toEqual(new Set(everyMetric))
    for (const { metric, dimensions } of samples)
      expect(Object.keys(dimensions), metric.name).toEqual(['Application', 'Operation', ...metric.dimensions])
  })

  it('are those of the level, or none', async () => {
    const told = async (level: MetricsOptions['level']) => {
      const world = new World()
      world.put(1)
      world.start({}, { level })
      await world.pass(5_000)
      return new Set(world.sink.samples.map(({ metric }) => metric.level))
    }
    expect(await told('none')).toEqual(new Set())
    expect(await told('summary')).toEqual(new Set(['summary']))
    expect(await told(undefined)).toEqual(new Set(['summary', 'detailed']))
    await expect(told('loud' as 'none')).rejects.toThrow('Expected a level of none, summary, detailed, found loud.')
  })

  it('are added up over the shards of a stream where single shards are not wanted', async () => {
    const world = new World(4)
    world.put(20)
    world.start({}, { perShard: false })
    await world.pass(5_000)
    const { sink } = world
    expect(sink.sum(catalog.recordsProcessed, { StreamId: 'orders' })).toBe(20)
    expect(sink.samples.some(({ dimensions }) => dimensions.ShardId !== undefined)).toBe(false)
    expect(sink.of(catalog.behindLatest)).toEqual([])
    expect(sink.of(catalog.workerBehindLatest)).toContain(0)
    const counted = sink.samples.filter(({ metric }) => metric === catalog.recordsProcessed)
    expect(new Set(counted.map(({ dimensions }) => dimensions)).size).toBe(1)
  })
})
