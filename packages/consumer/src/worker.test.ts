import { KinesisServiceError, KinesisTransportError } from '@millrace/client'
import { deferred, type LogFields, type Logger, silentLogger, sleep } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { Batch } from './faces/batches-face.ts'
import type { LeaseStore } from './leases/lease-store.ts'
import type { RecordProcessor } from './record-processor.ts'
import { newLease } from './shards/lineage.ts'
import type { ShardSyncError } from './shards/shard-sync-error.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { skewedClock } from './testing/skewed-clock.ts'
import { ofStreams, refusing, Bench } from './testing/worker-bench.ts'
import type { WorkerOptions } from './worker-options.ts'
import type { Worker } from './worker.ts'

describe('Worker', () => {
  it('rejects when its shards have come to their ends', async () => {
    const bench = new Bench()
    const { store, refuse } = refusing(bench.leases.open())
    const farewell = deferred<void>()
    const told: string[] = []
    const running = bench.worker('a', { leases: store }).run(() => ({
      processRecords() {},
      leaseLost: async () => {
        await farewell.promise
        told.push('lost')
      },
    }))
    running.catch(() => told.push('rejected'))
    await bench.pass(3_000)
    refuse()
    await bench.pass(3_000)
    expect(told).toEqual([])
    farewell.resolve()
    await bench.pass(100)
    expect(told).toEqual(['lost', 'lost', 'rejected'])
    await expect(running).rejects.toThrow('not any more')
  })

  it('rejects after its grace although a processor does not return', async () => {
    const bench = new Bench()
    const { store, refuse } = refusing(bench.leases.open())
    let isRejected = false
    bench
      .worker('a', { leases: store, finishMs: 100_000 })
      .run(() => ({ processRecords() {}, leaseLost: () => new Promise<void>(() => {}) }))
      .catch(() => (isRejected = true))
    await bench.pass(3_000)
    refuse()
    await bench.pass(29_000)
    expect(isRejected).toBe(false)
    await bench.pass(5_000)
    expect(isRejected).toBe(true)
  })

  describe('that stops', () => {
    async function stopping(bench: Bench, options: Partial<WorkerOptions>, stop: Parameters<Worker['stop']>[0]) {
      bench.stream.put('key', new Uint8Array(1))
      const calls: string[] = []
      const worker = bench.worker('a', options)
      const running = worker.run(() => ({
        processRecords: ({ records, checkpointer }) =>
          sleep(bench.clock, 50_000).then(() => checkpointer.checkpoint(records.at(-1))),
        shutdownRequested: () => void calls.push('shutdownRequested'),
      }))
      running.then(() => calls.push('over')).catch(() => calls.push('rejected'))
      await bench.pass(5_000)
      void worker.stop(stop)
      return calls
    }

    it('gives its shards as long as it is told, also beyond finishMs', async () => {
      const bench = new Bench()
      const calls = await stopping(bench, {}, { drainMs: 60_000 })
      await bench.pass(40_000)
      expect(calls).toEqual(['shutdownRequested'])
      await bench.pass(15_000)
      expect(calls).toEqual(['shutdownRequested', 'shutdownRequested', 'over'])
      expect((await bench.stored()).map(({ checkpoint }) => checkpoint.sequenceNumber)).toContain(String(10n ** 40n + 2n)) // prettier-ignore
    })

    it('gives them finishMs, when it is told nothing', async () => {
      const bench = new Bench()
      const calls = await stopping(bench, { finishMs: 10_000 }, undefined)
      await bench.pass(9_000)
      expect(calls).toEqual(['shutdownRequested'])
      await bench.pass(2_000)
      expect(calls).toContain('over')
    })

    it('is told a time that timers can take', () => {
      expect(() => new Bench().worker('a').stop({ drainMs: Infinity })).toThrow(RangeError)
    })
  })

  it('leaves a shard at which its processor hangs to another worker', async () => {
    const bench = new Bench()
    const { shardId, record } = bench.stream.put('key', new Uint8Array(1))
    const hanging = bench.worker('a', { hangMs: 2_000 })
    void hanging.run(() => ({ processRecords: () => new Promise<void>(() => {}) }))
    await bench.pass(500)
    const seen: string[] = []
    const other = bench.worker('b')
    void other.run(() => ({
      processRecords({ records }) {
        seen.push(...records.map(({ sequenceNumber }) => sequenceNumber))
      },
    }))
    await bench.pass(15_000)
    expect(seen).toEqual([record.SequenceNumber])
    expect(other.held.some((key) => key.endsWith(shardId))).toBe(true)
    await Promise.all([hanging.stop({ drainMs: 1_000 }), other.stop(), bench.pass(5_000)])
  })

  it('pauses a shard for everybody where the failure policy stops it', async () => {
    const bench = new Bench()
    const { shardId } = bench.stream.put('key', new Uint8Array(1))
    const failure = { retry: { retries: 0 } }
    const lines: unknown[] = []
    const logger: Logger = {
      ...silentLogger,
      warn: (...line) => lines.push(line),
      error: (...line) => lines.push(line),
    }
    const worker = bench.worker('a', { failure, logger })
    void worker.run(() => ({
      processRecords() {
        throw new Error('never')
      },
    }))
    await bench.pass(5_000)
    expect((await bench.stored()).find((lease) => lease.shardId === shardId)).toMatchObject({ paused: true })
    expect(lines).toMatchObject([
      ['the processing of a shard failed', { shardId, next: 'stop', error: 'Error: never' }],
      [
        'a shard is not processed any more',
        { cause: 'Error: never', next: expect.stringMatching(/app resume billing --shard shardId-\d+$/) },
      ],
    ])
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  it('that may not look at the shards says so, and goes on when it may', async () => {
    const bench = new Bench()
    const service = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    let isDenied = true
    const denied = new Error('not authorized to perform kinesis:ListShards')
    const client = {
      ...service,
      listShards: (...args: Parameters<typeof service.listShards>) =>
        isDenied ? Promise.reject(denied) : service.listShards(...args),
    }
    const worker = bench.worker('a', { client })
    void worker.run(() => ({ async processRecords() {} }))
    await bench.pass(5_000)
    expect(bench.events).toContainEqual({ kind: 'shard-sync', durationMs: 0, stream: 'orders', error: denied })
    expect(await bench.stored()).toEqual([])
    isDenied = false
    await bench.pass(15_000)
    expect(bench.events.findLast(({ kind }) => kind === 'shard-sync')).not.toHaveProperty('error', denied)
    expect(await bench.stored()).toHaveLength(2)
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  describe('whose first looks at the shards fail', () => {
    const refusal = (type: string, retryable = false) =>
      new KinesisServiceError({ type, message: `${type}: not for you`, status: 400, retryable, requestId: undefined, operation: 'ListShards', outcome: 'not-done', attempts: 1 }) // prettier-ignore
    function refusedWith(bench: Bench, error: () => Error | undefined) {
      const service = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
      const listShards: typeof service.listShards = async (...args) => {
        const thrown = error()
        if (thrown !== undefined) throw thrown
        return service.listShards(...args)
      }
      return { ...service, listShards }
    }

    it.each(['AccessDeniedException', 'UnrecognizedClientException', 'ValidationException'])(
      'ends, and leaves, when they are refused for good: %s',
      async (type) => {
        const bench = new Bench()
        const error = refusal(type)
        const running = bench.worker('a', { client: refusedWith(bench, () => error) }).run(() => ({ processRecords() {} })) // prettier-ignore
        const ended = expect(running).rejects.toMatchObject({
          name: 'ShardSyncError',
          code: 'refused',
          cause: error,
          message: `The shards of orders cannot be listed, and trying again would not help: ${type}: not for you`,
        })
        await bench.pass(6_000)
        await ended
        expect(bench.events.filter((event) => event.kind === 'shard-sync' && event.error === error)).toHaveLength(3)
        const other = { worker: 'b', ttlMs: 1_000, waitMs: 0, held: [], capacity: 1 }
        const { workers } = await bench.leases.open().beat(other, new AbortController().signal)
        expect(workers.map(({ worker }) => worker)).toEqual(['b'])
      },
    )

    it('waits for what passes: throttling, and a stream that is being made', async () => {
      const bench = new Bench()
      const errors = [1, 2, 3, 4].flatMap(() => [refusal('LimitExceededException', true), refusal('ResourceInUseException')]) // prettier-ignore
      const worker = bench.worker('a', { client: refusedWith(bench, () => errors.pop()) })
      void worker.run(() => ({ processRecords() {} }))
      await bench.pass(60_000)
      expect(worker.held).toHaveLength(2)
      await Promise.all([worker.stop(), bench.pass(5_000)])
    })

    it('goes on when the right to list is taken from it later', async () => {
      const bench = new Bench()
      let error: Error | undefined
      const worker = bench.worker('a', { client: refusedWith(bench, () => error), shardSyncMs: 1_000 })
      void worker.run(() => ({ processRecords() {} }))
      await bench.pass(5_000)
      error = refusal('AccessDeniedException')
      await bench.pass(60_000)
      expect(bench.events).toContainEqual({ kind: 'shard-sync', durationMs: 0, stream: 'orders', error })
      expect(worker.held).toHaveLength(2)
      await Promise.all([worker.stop(), bench.pass(5_000)])
    })

    it('ends when none of the streams that it names is there; one is enough', async () => {
      const bench = new Bench()
      bench.stream.isDeleted = true
      const running = bench.worker('a', { stream: ['orders', 'bills'] }).run(() => ({ processRecords() {} }))
      const ended = expect(running).rejects.toMatchObject({
        code: 'stream-not-found',
        message: 'There is no stream orders, bills, 3 looks say: make it first, or see to region and endpoint.',
      })
      await bench.pass(6_000)
      await ended
      bench.stream.isDeleted = false
      const client = ofStreams(bench.stream)
      const worker = bench.worker('b', { client, stream: ['orders', 'bills'] })
      void worker.run(() => ({ processRecords() {} }))
      await bench.pass(20_000)
      expect(worker.held).toHaveLength(2)
      await Promise.all([worker.stop(), bench.pass(5_000)])
    })

    it('waits for streams that a function names', async () => {
      const bench = new Bench()
      bench.stream.isDeleted = true
      const worker = bench.worker('a', { stream: () => ['orders'] })
      void worker.run(() => ({ processRecords() {} }))
      await bench.pass(15_000)
      bench.stream.isDeleted = false
      await bench.pass(90_000)
      expect(worker.held).toHaveLength(2)
      await Promise.all([worker.stop(), bench.pass(5_000)])
    })
  })

  it('begins when the loop over its batches does', async () => {
    const bench = new Bench()
    const { record } = bench.stream.put('key', new Uint8Array(1))
    const worker = bench.worker('a')
    const batches = worker.batches()
    await bench.pass(5_000)
    expect(bench.events).toEqual([])
    const first = batches[Symbol.asyncIterator]()
    const next = first.next()
    await bench.pass(5_000)
    expect(((await next).value as Batch).records.map(({ sequenceNumber }) => sequenceNumber)).toEqual([
      record.SequenceNumber,
    ])
    await Promise.all([first.return?.(), bench.pass(5_000)])
    const late = worker.batches()
    for (const _ of [1, 2]) expect(() => late[Symbol.asyncIterator]()).toThrow('The worker runs already')
    const stopped = bench.worker('b').batches({ signal: AbortSignal.abort() })
    await Promise.all([expect(stopped[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true }), bench.pass(5_000)]) // prettier-ignore
  })

  it('looks after the shards beside workers of a KCL that come first by name', async () => {
    const bench = new Bench()
    const leases = bench.leases.open()
    const beat: LeaseStore['beat'] = async (input, signal) => {
      const news = await leases.beat(input, signal)
      return { ...news, workers: [...news.workers, { worker: '0', capacity: 1, isKcl: true }] }
    }
    const worker = bench.worker('a', { leases: { ...leases, beat } })
    void worker.run(() => ({ processRecords() {} }))
    await bench.pass(1_500)
    expect(await bench.stored()).toHaveLength(2)
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  describe('whose list of streams changes', () => {
    it('gives the leases of a stream that leaves it up, and goes on behind their checkpoints when it comes again', async () => {
      const bench = new Bench()
      const bills = new SimulatedStream('bills', 2, bench.clock)
      let streams = ['orders', 'bills']
      const seen: string[] = []
      const client = ofStreams(bench.stream, bills)
      const worker = (id: string) =>
        bench.worker(id, { client, stream: () => Promise.resolve(streams), shardSyncMs: 2_000 })
      const workers = [worker('a'), worker('b')]
      for (const one of workers)
        void one.run(() => ({
          processRecords: ({ records }) => void seen.push(...records.map(({ sequenceNumber }) => sequenceNumber)),
          shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint(),
        }))
      const first = bills.put('key', new Uint8Array(1))
      await bench.pass(10_000)
      expect(workers.map(({ held }) => held.length)).toEqual([2, 2])
      streams = ['orders']
      await bench.pass(10_000)
      const second = bills.put('key', new Uint8Array(1))
      await bench.pass(10_000)
      expect(seen).toEqual([first.record.SequenceNumber])
      expect(workers.map(({ held }) => held.length)).toEqual([1, 1])
      const left = (await bench.stored()).filter(({ stream }) => stream === 'bills')
      expect(left.map(({ owner }) => owner)).toEqual([undefined, undefined])
      expect(left.map(({ checkpoint }) => checkpoint.sequenceNumber)).toContain(first.record.SequenceNumber)
      expect(bench.events.findLast(({ kind }) => kind === 'beat')).toMatchObject({ unowned: 0 })
      streams = ['orders', 'bills']
      await bench.pass(10_000)
      expect(seen).toEqual([first, second].map(({ record }) => record.SequenceNumber))
      await Promise.all([...workers.map((one) => one.stop()), bench.pass(5_000)])
    })

    it('leaves a stream that it does not name to the workers that do', async () => {
      const bench = new Bench()
      const client = ofStreams(
        new SimulatedStream('orders', 8, bench.clock),
        new SimulatedStream('bills', 8, bench.clock),
      )
      const before = bench.worker('b', { client, stream: ['orders', 'bills'] })
      const after = bench.worker('a', { client, stream: ['orders'] })
      for (const worker of [before, after]) void worker.run(() => ({ processRecords() {} }))
      await bench.pass(30_000)
      const owners = (await bench.stored()).filter(({ stream }) => stream === 'bills').map(({ owner }) => owner)
      expect(owners).toEqual(Array(8).fill('b'))
      expect([before, after].map(({ held }) => held.length)).toEqual([8, 8])
      await Promise.all([before.stop(), after.stop(), bench.pass(5_000)])
    })
  })

  describe('whose service is another than its fleet’s', () => {
    async function fleetWith(other: (bench: Bench) => SimulatedStream, end?: Partial<ShardSyncError>) {
      const bench = new Bench()
      const elsewhere = other(bench)
      for (let i = 0; i < 20; i++) elsewhere.put(`key-${i}`, new Uint8Array(1))
      await bench.pass(2_000)
      const seen = new Set<string>()
      const right = bench.worker('b')
      void right.run(() => ({
        async processRecords({ records, checkpointer }) {
          for (const { sequenceNumber } of records) seen.add(sequenceNumber)
          await checkpointer.checkpoint()
        },
      }))
      await bench.pass(3_000)
      const wrong: string[] = []
      // The first by name: it looks after the shards.
      const misled = bench.worker('a', { of: elsewhere, shardSyncMs: 5_000 })
      const running = misled.run(() => ({
        async processRecords({ records, checkpointer }) {
          wrong.push(...records.map(({ sequenceNumber }) => sequenceNumber))
          await checkpointer.checkpoint()
        },
      }))
      const ended = end === undefined ? undefined : expect(running).rejects.toMatchObject(end)
      await bench.pass(40_000)
      await ended
      const put = Array.from({ length: 20 }, (_, i) => bench.stream.put(`key-${i}`, new Uint8Array(1)))
      await bench.pass(20_000)
      const leases = (await bench.stored()).filter(({ key }) =>
        key.startsWith(`orders:${Math.floor(bench.stream.createdAtMs / 1000)}:`),
      )
      await Promise.all([misled.stop(), right.stop(), bench.pass(5_000)])
      expect(leases.map(({ checkpoint }) => checkpoint.sequenceNumber)).not.toContain('SHARD_END')
      expect(leases.map(({ owner }) => owner)).toEqual(['b', 'b'])
      expect([...seen].sort()).toEqual(put.map(({ record }) => record.SequenceNumber).sort())
      expect(bench.events).toContainEqual({ kind: 'stream-absent', stream: 'orders' })
      expect(bench.events.map(({ kind }) => kind)).not.toContain('stream-gone')
      return wrong
    }

    it('ends, and leaves the leases to the others, when it does not find the stream', async () => {
      const none = ({ clock }: Bench) => Object.assign(new SimulatedStream('orders', 1, clock), { isDeleted: true })
      const wrong = await fleetWith(none, { code: 'stream-not-found' })
      expect(wrong).toEqual([])
    })

    it.each([
      ['names', ['orders']],
      ['asks a function for', () => ['orders']],
    ])(
      'leaves the leases as they are, when nobody else lives and it never found the stream that it %s',
      async (_, stream) => {
        const bench = new Bench()
        const right = bench.worker('b')
        void right.run(() => ({ processRecords() {} }))
        await bench.pass(3_000)
        await Promise.all([right.stop(), bench.pass(5_000)])
        const places = async () => (await bench.stored()).map(({ checkpoint, owner }) => [checkpoint, owner])
        const before = await places()
        bench.stream.isDeleted = true
        const misled = bench.worker('a', { stream })
        const ended = misled
          .run(() => ({ processRecords() {} }))
          .then(
            () => 'by its stop',
            ({ code }: ShardSyncError) => code,
          )
        await bench.pass(60_000)
        expect(await places()).toEqual(before)
        expect(bench.events).not.toContainEqual({ kind: 'stream-gone', stream: 'orders' })
        await Promise.all([misled.stop(), bench.pass(5_000)])
        expect(await ended).toBe(Array.isArray(stream) ? 'stream-not-found' : 'by its stop')
      },
    )

    it('leaves them to the others, when it finds an older one of that name', async () => {
      const bench = new Bench()
      const older = new SimulatedStream('orders', 2, bench.clock)
      Object.assign(older, { createdAtMs: bench.clock.now() - 10_000_000 })
      await fleetWith(() => older)
    })

    it('leaves them to the others, when it finds a younger one of that name', async () => {
      await fleetWith(({ clock }) => {
        const younger = new SimulatedStream('orders', 2, clock)
        Object.assign(younger, { createdAtMs: clock.now() + 10_000 })
        return younger
      })
    })
  })

  it('brings the leases of a deleted stream to their ends when no worker finds it any more', async () => {
    const bench = new Bench()
    const workers = [bench.worker('a'), bench.worker('b')]
    for (const worker of workers) void worker.run(() => ({ processRecords() {} }))
    await bench.pass(5_000)
    expect(workers.map(({ held }) => held.length)).toEqual([1, 1])
    bench.stream.isDeleted = true
    await bench.pass(3_000)
    expect((await bench.stored()).map(({ checkpoint }) => checkpoint.sequenceNumber)).not.toContain('SHARD_END')
    await bench.pass(120_000)
    expect((await bench.stored()).filter(({ checkpoint }) => checkpoint.sequenceNumber !== 'SHARD_END')).toEqual([])
    expect(bench.events).toContainEqual({ kind: 'stream-gone', stream: 'orders' })
    await Promise.all([...workers.map((worker) => worker.stop()), bench.pass(5_000)])
  })

  it('ends a shard that is too old to be listed, not one that only its reader does not find', async () => {
    const bench = new Bench()
    const [old = ''] = bench.stream.open
    const client = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    const gone = () => bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1)).getShardIterator({ StreamName: 'orders', ShardId: 'none', ShardIteratorType: 'TRIM_HORIZON' }) // prettier-ignore
    let isLost = true
    const getShardIterator: typeof client.getShardIterator = (input) =>
      isLost && input.ShardId === old ? gone() : client.getShardIterator(input)
    const logged: LogFields[] = []
    const logger: Logger = { ...silentLogger, error: (_, fields = {}) => void logged.push(fields) }
    const worker = bench.worker('a', { client: { ...client, getShardIterator }, logger })
    void worker.run(() => ({ processRecords() {} }))
    const checkpoint = async () => (await bench.stored()).find(({ shardId }) => shardId === old)?.checkpoint
    await bench.pass(30_000)
    expect(await checkpoint()).toMatchObject({ sequenceNumber: 'TRIM_HORIZON' })
    const next = () => logged.map((fields) => fields['next'])
    expect(new Set(next())).toEqual(new Set(['The shard is there, and tried again in a moment.']))
    isLost = false
    logged.length = 0
    bench.stream.split(old)
    bench.stream.expire(old)
    await bench.pass(30_000)
    expect(await checkpoint()).toMatchObject({ sequenceNumber: 'SHARD_END' })
    const told = { stream: 'orders', shardId: old }
    expect(bench.events.filter(({ kind }) => kind === 'shard-expired')).toEqual([
      { kind: 'shard-expired', ...told, checkpoint: { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 } },
    ])
    expect(logged).toMatchObject([{ ...told, checkpoint: 'TRIM_HORIZON' }])
    expect(next()).toEqual([expect.stringMatching(/^The shard is ended for good/)])
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  describe.each([
    ['of its own', false],
    ['that a KCL made, which tells no time', true],
  ])('at LATEST of a lease %s', (_, isForeign) => {
    async function begun() {
      const bench = new Bench()
      const seen: string[] = []
      const put = (records: number) =>
        Array.from({ length: records }, (_record, i) => bench.stream.put(`key-${i}`, new Uint8Array(1)).record)
      put(5)
      await bench.pass(200_000)
      const createdAtSecond = Math.floor(bench.stream.createdAtMs / 1_000)
      const shards =
        (await bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1)).listShards({})).Shards ?? []
      const leases = shards.map((shard) => newLease({ stream: 'orders', createdAtSecond }, shard, 'latest'))
      if (isForeign) await bench.leases.open().create(leases, new AbortController().signal)
      const worker = (id: string, processRecords: RecordProcessor['processRecords']) => {
        const made = bench.worker(id, { initialPosition: 'latest' })
        void made.run(() => ({ processRecords }))
        return made
      }
      const processing: RecordProcessor['processRecords'] = async ({ records, checkpointer }) => {
        seen.push(...records.map(({ sequenceNumber }) => sequenceNumber))
        await checkpointer.checkpoint()
      }
      const numbers = (records: readonly { readonly SequenceNumber: string }[]) =>
        records.map(({ SequenceNumber }) => SequenceNumber).sort()
      return { bench, seen, put, worker, processing, numbers }
    }

    it('loses nothing when it crashes with its first batch in hand', async () => {
      const { bench, seen, put, worker, processing, numbers } = await begun()
      const crashing = worker('a', () => new Promise<void>(() => {}))
      await bench.pass(5_000)
      const records = put(10)
      await bench.pass(70_000)
      crashing.abandon()
      records.push(...put(10))
      const next = worker('b', processing)
      await bench.pass(20_000)
      records.push(...put(10))
      await bench.pass(5_000)
      expect(seen.toSorted()).toEqual(numbers(records))
      await Promise.all([next.stop(), bench.pass(5_000)])
    })

    it('loses nothing between its stop and the next start, before its first checkpoint', async () => {
      const { bench, seen, put, worker, processing, numbers } = await begun()
      const first = worker('a', processing)
      await bench.pass(5_000)
      await Promise.all([first.stop(), bench.pass(100_000)])
      const records = put(10)
      await bench.pass(100_000)
      const next = worker('b', processing)
      await bench.pass(5_000)
      expect(seen.toSorted()).toEqual(numbers(records))
      await Promise.all([next.stop(), bench.pass(5_000)])
    })
  })

  it('at LATEST loses nothing by a clock that is far ahead of the service’s', async () => {
    const bench = new Bench()
    const seen: string[] = []
    const clock = skewedClock(bench.clock, 600_000, 1)
    const crashing = bench.worker('a', { initialPosition: 'latest', clock })
    void crashing.run(() => ({ processRecords: () => new Promise<void>(() => {}) }))
    await bench.pass(5_000)
    const { record } = bench.stream.put('key', new Uint8Array(1))
    await bench.pass(2_000)
    crashing.abandon()
    const next = bench.worker('b', { initialPosition: 'latest' })
    void next.run(() => ({
      processRecords: ({ records }) => void seen.push(...records.map(({ sequenceNumber }) => sequenceNumber)),
    }))
    await bench.pass(10_000)
    expect(seen).toEqual([record.SequenceNumber])
    await Promise.all([next.stop(), bench.pass(5_000)])
  })

  it('looks after the shards when the first worker of the fleet cannot', async () => {
    const bench = new Bench()
    const client = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    const listShards = () => Promise.reject(new KinesisTransportError('closed', 'Never.', { outcome: 'unknown' }))
    const first = bench.worker('a', { client: { ...client, listShards } })
    const second = bench.worker('b')
    for (const worker of [first, second]) void worker.run(() => ({ processRecords() {} }))
    await bench.pass(10_000)
    expect(first.held.length + second.held.length).toBe(2)
    await Promise.all([first.stop(), second.stop(), bench.pass(5_000)])
  })
})
