/**
 * Workers on a lease in a Redis that forgets all, or goes back to an older state, at random: what is stored is stored in the term that its
 * writer meant, and each worker is told the lease as it is. MILLRACE_REDIS_SEEDS says how many histories, MILLRACE_SEED which is the first.
 */
import type { Lease } from '@millrace/consumer'
import { RedisLeaseStore } from '@millrace/consumer/redis'
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { Redis as IoRedis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newLeaseOf } from '../../packages/consumer/src/leases/lease-store.contract.ts'
import { type Redis, redisBinary, startRedis } from './support/redis.ts'

const seeds = Number(process.env['MILLRACE_REDIS_SEEDS'] ?? 40)
const first = Number(process.env['MILLRACE_SEED'] ?? 1)
const STEPS = 80
const never = new AbortController().signal
const lease = newLeaseOf('shardId-000000000000')
const binary = redisBinary()
if (binary === undefined)
  it('needs the binary of Redis', () => console.log('Losses of Redis were not tested: no redis-server is here.'))
else suite(binary)

/** The lease as Redis has it. `term`: which of all that ever began. */
interface Stored {
  readonly epoch: number
  readonly owner: string | undefined
  readonly term: number
}

function suite(command: string): void {
  let redis: Redis
  let io: IoRedis
  beforeAll(async () => {
    // What is not lost by chance is lost by the test.
    redis = await startRedis(command, ['--appendonly', 'no'])
    io = new IoRedis(redis.port)
  })
  afterAll(async () => {
    io?.disconnect()
    await redis?.stop()
  })

  describe('a Redis that loses what was written', () => {
    it.each(Array.from({ length: seeds }, (_, i) => first + i))('keeps every fence (seed %i)', async (seed) => {
      const random = seededRandom(seed)
      const pick = <T>(list: readonly T[]): T => list[randomBelow(random, list.length)] as T
      const { key } = lease
      let terms = 0
      let stored: Stored | undefined
      let saved: { readonly dumps: readonly (readonly [string, Buffer])[]; readonly stored: Stored | undefined } = { dumps: [], stored } // prettier-ignore
      const workers = ['a', 'b', 'c'].map((name) => ({
        name,
        store: new RedisLeaseStore({ client: io, application: 'losses', durability: 'assumed', listens: false }),
        cursor: undefined as string | undefined,
        table: undefined as Lease | undefined,
        /** Of `table`. */
        term: -1,
        /** A conflict told of a younger term than `table` shows. */
        isBehind: false,
      }))
      type Worker = (typeof workers)[number]

      const expectOutcome = (worker: Worker, outcome: string | undefined) => {
        const isMeant =
          stored !== undefined && worker.term === stored.term && !(worker.isBehind && outcome === 'conflict')
        expect(outcome).toBe(isMeant ? 'updated' : stored === undefined ? 'gone' : 'conflict')
        worker.isBehind ||= outcome === 'conflict'
      }
      const steps: Readonly<Record<string, (worker: Worker) => Promise<void>>> = {
        async beat(worker) {
          const { name, store, cursor } = worker
          const news = await store.beat({ worker: name, ttlMs: 60_000, waitMs: 0, capacity: 1, held: [], ...(cursor === undefined ? {} : { cursor }) }, never) // prettier-ignore
          worker.cursor = news.cursor
          const [told] = news.leases
          // Where this worker knew a younger term, its store has begun one above it.
          if (stored !== undefined && told !== undefined && told.epoch > stored.epoch) stored = { ...stored, epoch: told.epoch, term: ++terms } // prettier-ignore
          if (news.isComplete || told !== undefined) {
            // The same epoch again, and another term: somebody would go on in it.
            if (told !== undefined && told.epoch === worker.table?.epoch) expect(worker.term).toBe(stored?.term)
            worker.table = told
            worker.term = stored?.term ?? -1
          }
          if (news.isComplete) worker.isBehind = false
          expect([worker.table?.epoch, worker.table?.owner, worker.term]).toEqual([stored?.epoch, stored?.owner, stored?.term ?? -1]) // prettier-ignore
        },
        async create({ store }) {
          await store.create([lease], never)
          stored ??= { epoch: 0, owner: undefined, term: ++terms }
        },
        async take(worker) {
          if (worker.table === undefined) return
          const { epoch } = worker.table
          const change = { owner: worker.name, epoch: epoch + 1 }
          const [result] = await worker.store.update([{ key, epoch, change }], never)
          expectOutcome(worker, result?.outcome)
          if (result?.outcome !== 'updated') return
          worker.table = result.lease
          stored = { epoch: epoch + 1, owner: worker.name, term: ++terms }
          worker.term = terms
        },
        async checkpoint(worker) {
          if (worker.table === undefined) return
          const change = { checkpoint: { sequenceNumber: String(10 + terms), subSequenceNumber: 0 } }
          const [result] = await worker.store.update([{ key, epoch: worker.table.epoch, change }], never)
          expectOutcome(worker, result?.outcome)
        },
        async save() {
          const names = await io.keys('*')
          saved = { dumps: await Promise.all(names.map(async (name) => [name, await io.dumpBuffer(name)] as const)), stored } // prettier-ignore
        },
        async back() {
          await io.flushall()
          for (const [name, dump] of saved.dumps) await io.restore(name, 0, dump)
          stored = saved.stored
        },
        async forget() {
          await io.flushall()
          stored = undefined
        },
      }
      const dice = [
        'beat',
        'beat',
        'create',
        'take',
        'take',
        'take',
        'checkpoint',
        'checkpoint',
        'save',
        'back',
        'forget',
      ]
      await io.flushall()
      const done: string[] = []
      try {
        for (let i = 0; i < STEPS; i++) {
          const [name, worker] = [pick(dice), pick(workers)]
          done.push(`${worker.name} ${name}`)
          await steps[name]?.(worker)
        }
        for (const worker of workers) {
          // What was refused because something was lost is told with the next beat.
          for (const name of ['create', 'beat', 'take', 'beat', 'take']) await steps[name]?.(worker)
          expect(stored?.owner).toBe(worker.name)
        }
      } catch (error) {
        throw new Error(`after ${done.join(', ')}; replay: MILLRACE_SEED=${seed} MILLRACE_REDIS_SEEDS=1`, { cause: error }) // prettier-ignore
      }
    })
  })
}
