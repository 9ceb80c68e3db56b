import { KinesisServiceError } from '@millrace/client'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { LeaseStoreError } from './leases/lease-store.ts'
import type { LeaseStore } from './leases/lease-store.ts'
import { newLease } from './shards/lineage.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { Bench, ofStreams, refusing } from './testing/worker-bench.ts'
import type { Worker } from './worker.ts'

const processor = () => ({ processRecords() {} })

function refusal(type: string): KinesisServiceError {
  return new KinesisServiceError({ type, message: `${type}: not for you`, status: 403, retryable: false, requestId: undefined, operation: 'ListShards', outcome: 'not-done', attempts: 1 }) // prettier-ignore
}

/** What the worker's run rejected with, once it has. */
function endOf(worker: Worker): { readonly error?: Error } {
  const end: { error?: Error } = {}
  worker.run(processor).catch((error: Error) => (end.error = error))
  return end
}

describe('a worker that may not list the shards', () => {
  it('ends at its start, each of a fleet', async () => {
    const bench = new Bench()
    const client = { ...ofStreams(bench.stream), listShards: () => Promise.reject(refusal('AccessDeniedException')) }
    const ends = ['a', 'b', 'c'].map((id) => endOf(bench.worker(id, { client })))
    await bench.pass(10_000)
    expect(ends.map(({ error }) => error?.name)).toEqual(['ShardSyncError', 'ShardSyncError', 'ShardSyncError'])
  })

  it('of one stream of several goes on with the others, and says which it is', async () => {
    const bench = new Bench()
    const error = refusal('AccessDeniedException')
    const streams = ofStreams(bench.stream, new SimulatedStream('bills', 2, bench.clock))
    const refused = new Set(['bills'])
    const listShards: typeof streams.listShards = async (input, ...more) => {
      if (refused.has(input.StreamName ?? '')) throw error
      return streams.listShards(input, ...more)
    }
    const options = { client: { ...streams, listShards }, stream: ['bills', 'orders'] }
    const worker = bench.worker('a', options)
    const end = endOf(worker)
    await bench.pass(60_000)
    expect([end.error, worker.held.length]).toEqual([undefined, 2])
    expect(bench.events).toContainEqual({ kind: 'shard-sync', durationMs: 0, stream: 'bills', error })
    await Promise.all([worker.stop(), bench.pass(5_000)])
    refused.add('orders')
    const other = endOf(bench.worker('b', options))
    await bench.pass(10_000)
    expect(other.error?.message).toMatch(/^The shards of bills, orders cannot be listed/)
  })

  it('of one stream of several does not ask for the others any oftener', async () => {
    const bench = new Bench()
    const names = Array.from({ length: 20 }, (_, i) => `s${i}`)
    const service = ofStreams(...names.map((name) => new SimulatedStream(name, 1, bench.clock)))
    const looks: string[] = []
    const client: typeof service = {
      ...service,
      describeStreamSummary: async (input) => {
        looks.push(input.StreamName ?? '')
        if (input.StreamName === 's7') throw refusal('AccessDeniedException')
        return service.describeStreamSummary(input)
      },
    }
    const worker = bench.worker('a', { client, stream: names })
    void worker.run(processor)
    await bench.pass(60_000)
    expect(worker.held).toHaveLength(19)
    looks.length = 0
    await bench.pass(600_000)
    const ofOthers = looks.filter((name) => name !== 's7').length
    expect(ofOthers / 19).toBeLessThanOrEqual(11)
    expect(looks.length - ofOthers).toBeGreaterThan(50)
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  it.each(['ResourceNotFoundException', 'UnknownError'])(
    'goes on when it may: %s is a stream that goes or a proxy, no refusal for good',
    async (type) => {
      const bench = new Bench()
      const service = ofStreams(bench.stream)
      const errors = Array.from({ length: 6 }, () => refusal(type))
      const listShards: typeof service.listShards = async (...args) => {
        const error = errors.pop()
        if (error !== undefined) throw error
        return service.listShards(...args)
      }
      const worker = bench.worker('a', { client: { ...service, listShards } })
      void worker.run(processor)
      await bench.pass(60_000)
      expect(worker.held).toHaveLength(2)
      await Promise.all([worker.stop(), bench.pass(5_000)])
    },
  )

  it('finishes what it has before it ends', async () => {
    const bench = new Bench()
    const { shardId } = bench.stream.put('key', new Uint8Array(1))
    await bench.leases.open().create(
      bench.stream.shards.map(({ id }) => {
        const range = { StartingHashKey: '0', EndingHashKey: '1' }
        const createdAtSecond = Math.floor(bench.stream.createdAtMs / 1000)
        return newLease({ stream: 'orders', createdAtSecond }, { ShardId: id, HashKeyRange: range }, 'oldest')
      }),
      new AbortController().signal,
    )
    const service = bench.stream.service({ throttled: 0, broken: 0 }, seededRandom(1))
    const client = { ...service, listShards: () => Promise.reject(refusal('AccessDeniedException')) }
    const worker = bench.worker('a', { client })
    const calls: string[] = []
    worker
      .run(() => ({
        processRecords: () => void calls.push('processed'),
        leaseLost: () => void calls.push('lost'),
        async shutdownRequested({ checkpointer }) {
          await checkpointer.checkpoint()
          calls.push('stored')
        },
      }))
      .catch((error: Error) => calls.push(error.name))
    await bench.pass(10_000)
    expect(calls).toEqual(['processed', 'stored', 'stored', 'ShardSyncError'])
    const stored = (await bench.stored()).find((lease) => lease.shardId === shardId)
    expect(stored).toMatchObject({ checkpoint: { sequenceNumber: String(10n ** 40n + 2n) }, owner: undefined })
  })
})

it('whose run has rejected changes no lease any more', async () => {
  const bench = new Bench()
  const { store, refuse } = refusing(bench.leases.open())
  let [isAway, updates] = [false, 0]
  const update: LeaseStore['update'] = async (...args) => {
    updates++
    if (isAway) throw new LeaseStoreError('unavailable', 'away')
    return store.update(...args)
  }
  const end = endOf(bench.worker('a', { leases: { ...store, update } }))
  await bench.pass(3_000)
  isAway = true
  const other = bench.worker('b')
  void other.run(processor)
  await bench.pass(2_000)
  refuse()
  await bench.pass(60_000)
  expect(end.error?.message).toBe('not any more')
  const before = updates
  await bench.pass(60_000)
  expect(updates).toBe(before)
  await Promise.all([other.stop(), bench.pass(5_000)])
})

it('what a worker may not read is with another one that may, within seconds, and stays there', async () => {
  const bench = new Bench()
  const getShardIterator = () => Promise.reject(refusal('AccessDeniedException'))
  const denied = bench.worker('a', { client: { ...ofStreams(bench.stream), getShardIterator } })
  const able = bench.worker('b')
  for (const worker of [denied, able]) void worker.run(processor)
  await bench.pass(15_000)
  expect([denied.held.length, able.held.length]).toEqual([0, 2])
  await bench.pass(30_000)
  expect(able.held).toHaveLength(2)
  await Promise.all([denied.stop(), able.stop(), bench.pass(5_000)])
})
