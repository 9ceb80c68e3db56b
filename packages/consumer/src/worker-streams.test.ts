/** Fleets whose workers are told different streams, or begin at services that do not have them. */
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { fanOut, polling } from './retrieval/retrieval.ts'
import type { StreamService } from './service.ts'
import { serviceError } from './testing/service-errors.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { Bench, ofStreams } from './testing/worker-bench.ts'
import type { WorkerOptions } from './worker-options.ts'
import type { Worker } from './worker.ts'

const idle = () => ({ processRecords() {} })

function heldOf(stream: string, { held }: Worker): number {
  return held.filter((key) => key.startsWith(`${stream}:`)).length
}

async function stopAll(bench: Bench, workers: readonly Worker[]): Promise<void> {
  await Promise.all([...workers.map((worker) => worker.stop()), bench.pass(5_000)])
}

describe('workers that name different streams', () => {
  const FAILOVER_MS = 5_000

  function fleet(
    bench: Bench,
    size: number,
    shards: readonly [number, number],
    streams: (i: number) => readonly string[],
  ) {
    const [orders, bills] = shards
    const client = ofStreams(new SimulatedStream('orders', orders, bench.clock), new SimulatedStream('bills', bills, bench.clock)) // prettier-ignore
    const workers = Array.from({ length: size }, (_, i) =>
      bench.worker(`worker-${String(i).padStart(2, '0')}`, { client, failoverMs: FAILOVER_MS, shardSyncMs: 2_000, stream: () => streams(i) })) // prettier-ignore
    for (const worker of workers) void worker.run(idle)
    return workers
  }

  it('leave what they drop to the only one of 16 that goes on with it, within a few times failoverMs', async () => {
    const bench = new Bench()
    let isDropped = false
    const workers = fleet(bench, 16, [32, 4], (i) => (isDropped && i !== 11 ? ['orders'] : ['orders', 'bills']))
    await bench.pass(20_000)
    expect(workers.reduce((sum, worker) => sum + heldOf('bills', worker), 0)).toBe(4)
    isDropped = true
    await bench.pass(2_000 + 5 * FAILOVER_MS)
    expect(workers.map((worker) => heldOf('bills', worker))).toEqual(workers.map((_, i) => (i === 11 ? 4 : 0)))
    await stopAll(bench, workers)
  })

  it('share what only they name by their number, however many light ones do not name it', async () => {
    const bench = new Bench()
    const both = ['orders', 'bills']
    const lists = new Map([[0, both]])
    const workers = fleet(bench, 8, [8, 16], (i) => lists.get(i) ?? ['orders'])
    await bench.pass(20_000)
    expect(workers.map((worker) => heldOf('bills', worker))).toEqual([16, 0, 0, 0, 0, 0, 0, 0])
    lists.set(5, both)
    await bench.pass(2_000 + 3 * FAILOVER_MS)
    expect(heldOf('bills', workers[0] as Worker) - heldOf('bills', workers[5] as Worker)).toBeLessThanOrEqual(2)
    const before = workers.map(({ held }) => held)
    await bench.pass(10 * FAILOVER_MS)
    expect(workers.map(({ held }) => held)).toEqual(before)
    await stopAll(bench, workers)
  })

  it('take over from a crashed one that they alone name a stream with, within a few times failoverMs', async () => {
    const bench = new Bench()
    const workers = fleet(bench, 16, [16, 4], (i) => (i < 2 ? ['orders', 'bills'] : ['orders']))
    await bench.pass(30_000)
    const [crashing, other] = workers as [Worker, Worker]
    expect(heldOf('bills', crashing) + heldOf('bills', other)).toBe(4)
    crashing.abandon()
    await bench.pass(6 * FAILOVER_MS)
    expect(heldOf('bills', other)).toBe(4)
    await stopAll(bench, workers.slice(1))
  })
})

describe('the leases of a stream', () => {
  it('are made within an interval when only workers that are not the first by name list it', async () => {
    const bench = new Bench()
    const client = ofStreams(bench.stream, new SimulatedStream('bills', 2, bench.clock))
    let streams = ['orders']
    const workers = [
      bench.worker('a', { client, shardSyncMs: 20_000 }),
      bench.worker('b', { client, shardSyncMs: 20_000, stream: () => streams }),
    ]
    for (const worker of workers) void worker.run(idle)
    await bench.pass(10_000)
    streams = ['orders', 'bills']
    await bench.pass(22_000)
    expect(workers.map((worker) => heldOf('bills', worker))).toEqual([0, 2])
    await stopAll(bench, workers)
  })

  it('are made at once when the service lists its first shards', async () => {
    const bench = new Bench()
    const service = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    let isMaking = true
    const listShards: typeof service.listShards = async (...args) =>
      isMaking ? { Shards: [] } : service.listShards(...args)
    const worker = bench.worker('a', { client: { ...service, listShards } })
    void worker.run(idle)
    await bench.pass(2_000)
    isMaking = false
    await bench.pass(2_000)
    expect(worker.held).toHaveLength(2)
    await stopAll(bench, [worker])
  })

  it('stay where they are when a worker begins whose service does not have it', async () => {
    const bench = new Bench()
    const right = bench.worker('b')
    void right.run(idle)
    await bench.pass(5_000)
    bench.events.length = 0
    const none = Object.assign(new SimulatedStream('orders', 1, bench.clock), { isDeleted: true })
    const misled = bench.worker('x', { of: none })
    const ended = expect(misled.run(idle)).rejects.toMatchObject({ code: 'stream-not-found' })
    await bench.pass(10_000)
    await ended
    expect(bench.events.map(({ kind }) => kind)).not.toContain('shard-left')
    await stopAll(bench, [right])
  })
})

describe('streams of two accounts with one name', () => {
  const ARN = 'arn:aws:kinesis:us-east-1:111122223333:stream/orders'
  const OWN = ARN.replace('111122223333', '000000000000')

  function setUp() {
    const bench = new Bench()
    // One second for both: the account alone tells them apart.
    const theirs = new SimulatedStream('orders', 3, bench.clock, { account: '111122223333' })
    return { bench, theirs, client: ofStreams(bench.stream, theirs) }
  }

  it.each([
    ['polling', polling()],
    ['fan-out', fanOut()],
  ])('are read by %s, each with leases of its own', async (_, retrieval) => {
    const { bench, theirs, client } = setUp()
    bench.stream.put('ada', Buffer.from('ours'))
    theirs.put('ada', Buffer.from('theirs'))
    const worker = bench.worker('a', { client, stream: ['orders', ARN], retrieval })
    const seen: string[] = []
    void worker.each(({ data }, { stream }) => void seen.push(`${Buffer.from(data).toString()} in ${stream}`))
    await bench.pass(10_000)
    expect(seen.sort()).toEqual(['ours in orders', 'theirs in 111122223333:orders'])
    const second = Math.floor(theirs.createdAtMs / 1_000)
    expect([heldOf(`orders:${second}`, worker), heldOf(`111122223333:orders:${second}`, worker)]).toEqual([2, 3])
    await stopAll(bench, [worker])
  })

  /** The worker ends, has held nothing and made no lease. */
  async function expectRefused(bench: Bench, options: Partial<WorkerOptions>, ...texts: readonly string[]) {
    const before = (await bench.stored()).map(({ key }) => key)
    const worker = bench.worker('refused', options)
    let error: Error | undefined
    worker.run(idle).catch((cause: unknown) => (error = cause as Error))
    await bench.pass(10_000)
    expect(error).toMatchObject({ code: 'refused' })
    for (const text of texts) expect(error?.message).toContain(text)
    expect((await bench.stored()).map(({ key }) => key)).toEqual(before)
  }

  async function leasesOf(bench: Bench, options: Partial<WorkerOptions>): Promise<void> {
    const worker = bench.worker('before', options)
    void worker.run(idle)
    await bench.pass(5_000)
    expect(worker.held.length).toBeGreaterThan(0)
    await stopAll(bench, [worker])
  }

  it('are not begun again by their names where they have leases by their ARNs', async () => {
    const { bench, theirs, client } = setUp()
    await leasesOf(bench, { client, stream: ARN })
    await expectRefused(
      bench,
      { client: ofStreams(theirs) },
      'Expected leases of orders alone, found 111122223333:orders, too, which is the same stream',
      'name it by its ARN only',
    )
  })

  it.each<[string, (setting: ReturnType<typeof setUp>) => StreamService]>([
    ['of their account', ({ theirs }) => ofStreams(theirs)],
    ['of an account that has none of the name', ({ theirs, bench }) => ofStreams(new SimulatedStream('bills', 1, bench.clock), theirs)], // prettier-ignore
  ])('are not begun again by their ARNs where they have leases by their names: by a client %s', async (_, clientOf) => {
    const setting = setUp()
    const { bench, theirs } = setting
    await leasesOf(bench, { client: ofStreams(theirs) })
    await expectRefused(
      bench,
      { client: clientOf(setting), stream: ARN },
      'Expected leases of 111122223333:orders alone, found orders, too, which may be the same stream',
      'name it by its name, with credentials of its account',
    )
  })

  it('do not change hands by a single answer that there is none, or none that may be seen', async () => {
    const { bench, client } = setUp()
    await leasesOf(bench, { client, stream: OWN })
    const keys = (await bench.stored()).map(({ key }) => key)
    for (const type of ['ResourceNotFoundException', 'AccessDeniedException']) {
      let isFirst = true
      const describeStreamSummary: StreamService['describeStreamSummary'] = (input) => {
        if (!isFirst || input.StreamName === undefined) return client.describeStreamSummary(input)
        isFirst = false
        return Promise.reject(serviceError(type))
      }
      await leasesOf(bench, { client: { ...client, describeStreamSummary }, stream: OWN })
      expect((await bench.stored()).map(({ key }) => key)).toEqual(keys)
    }
  })

  it('have one set of leases where a worker names one both ways, and the worker says so', async () => {
    const { bench, client } = setUp()
    const worker = bench.worker('a', { client, stream: ['orders', OWN] })
    void worker.run(idle)
    await bench.pass(10_000)
    expect([heldOf('orders', worker), heldOf('000000000000:orders', worker)]).toEqual([0, 2])
    expect(bench.events).toContainEqual(
      expect.objectContaining({ kind: 'shard-sync', stream: 'orders', error: expect.objectContaining({ code: 'invalid' }) }), // prettier-ignore
    )
    await stopAll(bench, [worker])
  })

  it('are not read as those of the account that the lease store is told', async () => {
    const { bench, client } = setUp()
    for (const stream of ['orders', ['orders', ARN]])
      await expectRefused(
        bench,
        { client, stream, leases: Object.assign(bench.leases.open(), { account: '111122223333' }) },
        'Expected orders to be of account 111122223333, which its lease store is told, found it in 000000000000',
      )
  })

  it('end a worker where it finds none by the ARN', async () => {
    const { bench, client } = setUp()
    const worker = bench.worker('a', { client, stream: ARN.replace('orders', 'bills') })
    const ended = expect(worker.run(idle)).rejects.toMatchObject({
      code: 'stream-not-found',
      message: expect.stringContaining('no stream 111122223333:bills'),
    })
    await bench.pass(10_000)
    await ended
  })

  it('harm no other where a function names one that is none', async () => {
    const { bench, client } = setUp()
    const elsewhere = ARN.replace('us-east-1', 'us-west-2')
    let streams = [ARN, elsewhere]
    const worker = bench.worker('a', { client: { ...client, region: 'us-east-1' }, shardSyncMs: 2_000, stream: () => streams }) // prettier-ignore
    void worker.run(idle)
    await bench.pass(10_000)
    expect(heldOf('111122223333:orders', worker)).toBe(3)
    const failed = bench.events.find((event) => event.kind === 'shard-sync' && event.error !== undefined)
    expect(failed).toMatchObject({ stream: elsewhere, error: { message: expect.stringContaining('us-west-2') } })
    streams = [elsewhere, 'orders']
    await bench.pass(15_000)
    expect([heldOf('orders', worker), worker.held.length]).toEqual([2, 2])
    await stopAll(bench, [worker])
  })

  it('stay with a worker that is begun again while the service answers nobody', async () => {
    const { bench, client } = setUp()
    const before = bench.worker('a', { client, stream: ARN })
    void before.run(idle)
    await bench.pass(5_000)
    before.abandon()
    const describeStreamSummary = () => Promise.reject(serviceError('LimitExceededException'))
    const after = bench.worker('a', { client: { ...client, describeStreamSummary }, stream: ARN })
    void after.run(idle)
    await bench.pass(5_000)
    expect((await bench.stored()).map(({ owner }) => owner)).toEqual(['a', 'a', 'a'])
    await stopAll(bench, [after])
  })

  it('may come later', async () => {
    const { bench } = setUp()
    let client = ofStreams(bench.stream)
    const service: StreamService = {
      ...client,
      describeStreamSummary: (input) => client.describeStreamSummary(input),
      listShards: (input) => client.listShards(input),
    }
    const worker = bench.worker('a', { client: service, stream: () => [ARN] })
    void worker.run(idle)
    await bench.pass(10_000)
    expect(bench.events).toContainEqual({ kind: 'stream-absent', stream: '111122223333:orders' })
    client = ofStreams(bench.stream, new SimulatedStream('orders', 3, bench.clock, { account: '111122223333' }))
    await bench.pass(10_000)
    expect(heldOf('111122223333:orders', worker)).toBe(3)
    await stopAll(bench, [worker])
  })
})

describe('a fleet that has its streams', () => {
  const MINUTE_MS = 60_000

  /** `service`: asked for at each call. */
  function fleet(bench: Bench, stream: readonly string[], service: () => StreamService) {
    const looks: string[] = []
    const workers = Array.from({ length: 8 }, (_, i) => {
      const client: StreamService = {
        ...service(),
        describeStreamSummary: (input) => (looks.push(`worker-${i}`), service().describeStreamSummary(input)),
        listShards: (input) => service().listShards(input),
        getShardIterator: (input) => service().getShardIterator(input),
        getRecords: (input) => service().getRecords(input),
      }
      return bench.worker(`worker-${i}`, { client, stream })
    })
    for (const worker of workers) void worker.run(idle)
    return { workers, looks }
  }

  it('has one worker look at them every minute, and the others now and then', async () => {
    const bench = new Bench()
    const service = ofStreams(...['orders', 'bills'].map((name) => new SimulatedStream(name, 8, bench.clock)))
    const { workers, looks } = fleet(bench, ['orders', 'bills'], () => service)
    await bench.pass(MINUTE_MS)
    looks.length = 0
    await bench.pass(5 * MINUTE_MS)
    const ofFirst = looks.filter((worker) => worker === 'worker-0').length
    expect(ofFirst).toBeGreaterThanOrEqual(8)
    expect(looks.length - ofFirst).toBeLessThanOrEqual(7 * 2)
    await stopAll(bench, workers)
  })

  it('goes on with one that was made again, all of it, within three minutes', async () => {
    const bench = new Bench()
    let service = ofStreams(new SimulatedStream('orders', 16, bench.clock))
    const { workers } = fleet(bench, ['orders'], () => service)
    await bench.pass(MINUTE_MS)
    const again = new SimulatedStream('orders', 16, bench.clock)
    service = ofStreams(again)
    await bench.pass(3 * MINUTE_MS)
    const name = `orders:${Math.floor(again.createdAtMs / 1_000)}`
    expect(workers.map((worker) => heldOf(name, worker))).toEqual(workers.map(() => 2))
    expect(workers.map(({ held }) => held.length)).toEqual(workers.map(() => 2))
    await stopAll(bench, workers)
  })
})
