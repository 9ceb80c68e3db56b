/** Leases in a real PostgreSQL. */
import { type LeaseNews, LeaseStoreError } from '@millrace/consumer'
import { PostgresApplications, PostgresLeaseStore, type PostgresLeaseStoreOptions } from '@millrace/consumer/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { leaseAdministrationContract } from '../../packages/consumer/src/leases/lease-administration.contract.ts'
import { leaseStoreContract, newLeaseOf } from '../../packages/consumer/src/leases/lease-store.contract.ts'
import { type Postgres, postgresBinaries, startPostgres } from './support/postgres.ts'

const binaries = await postgresBinaries()
if (binaries === undefined)
  it('needs the binaries of PostgreSQL', () => console.log('Leases in PostgreSQL were not tested: no initdb is here.'))
else suites(binaries)

function suites(folder: string): void {
  let postgres: Postgres
  let pool: pg.Pool
  let applications = 0
  const never = new AbortController().signal
  const poolOf = (user = 'millrace') => new pg.Pool({ host: postgres.host, user, database: 'postgres', max: 20 })

  beforeAll(async () => {
    postgres = await startPostgres(folder)
    pool = poolOf()
  })
  afterAll(async () => {
    await pool?.end()
    await postgres?.stop()
  })

  /** Sessions end by the database's clock: they are moved instead of it. */
  const elapse = (application: string) => async (ms: number) => {
    const move = `UPDATE millrace_sessions SET expires_at = expires_at - $2 * interval '1 ms' WHERE application = $1`
    await pool.query(move, [application, ms])
  }

  leaseStoreContract('PostgreSQL', () => ({
    ttlMs: 60_000,
    async application() {
      const application = `orders-${applications++}`
      return { open: async () => new PostgresLeaseStore({ pool, application }), elapse: elapse(application) }
    },
  }))

  leaseAdministrationContract('PostgreSQL', async () => {
    const application = `orders-${applications++}`
    const store = new PostgresLeaseStore({ pool, application, listens: false })
    return { name: application, administration: new PostgresApplications({ pool }), store }
  })

  it('has no applications where there are no tables', async () => {
    const administration = new PostgresApplications({ pool, schema: 'nowhere' })
    expect(await administration.list(never)).toEqual([])
    await expect(administration.leases('orders', never)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('makes neither tables nor an application for who changes leases of none', async () => {
    const nowhere = new PostgresApplications({ pool, schema: 'nowhere' })
    const update = { key: newLeaseOf('shardId-000000000000').key, epoch: 0, change: { paused: true } }
    for (const administration of [nowhere, new PostgresApplications({ pool })]) {
      const before = await administration.list(never)
      const isNone = { code: 'not-found' }
      await expect(administration.update('ordres', [update], never)).rejects.toMatchObject(isNone)
      const lease = newLeaseOf('shardId-000000000000')
      await expect(administration.create('ordres', [lease], never)).rejects.toMatchObject(isNone)
      expect(await administration.list(never)).toEqual(before)
    }
  })

  describe('leases in PostgreSQL', () => {
    const stores: PostgresLeaseStore[] = []
    afterEach(async () => {
      for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
    })

    function open(more: Partial<PostgresLeaseStoreOptions> = {}) {
      const store = new PostgresLeaseStore({ pool, application: `orders-${applications}`, ...more })
      stores.push(store)
      return store
    }
    const beat = { ttlMs: 60_000, waitMs: 0, held: [], capacity: 1 }
    const names = (news: LeaseNews) => news.workers.map(({ worker }) => worker).sort()

    /** Two workers, the first of which waits for news; all it is to hear has been said. */
    async function waiting(waitMs: number) {
      applications++
      const [a, b] = [open(), open()]
      await b.beat({ ...beat, worker: 'b' }, never)
      await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      const { cursor } = await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      const news = a.beat({ ...beat, worker: 'a', waitMs, cursor }, never)
      return { a, b, news }
    }

    it('costs one statement a beat when nothing is new, whether it listens or not', async () => {
      for (const listens of [true, false]) {
        const application = `orders-${applications++}`
        let statements = 0
        const query = (text: string, values?: unknown[]) => {
          statements++
          return pool.query(text, values)
        }
        const counted = { connect: () => pool.connect(), query }
        const store = new PostgresLeaseStore({ pool: counted, application, listens })
        stores.push(store)
        let { cursor } = await store.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
        cursor = (await store.beat({ ...beat, worker: 'a', waitMs: 1, cursor }, never)).cursor
        statements = 0
        for (let i = 0; i < 3; i++)
          cursor = (await store.beat({ ...beat, worker: 'a', waitMs: 5, cursor }, never)).cursor
        expect(statements).toBe(3)
      }
    })

    it('wakes the others when a worker leaves', async () => {
      const { b, news } = await waiting(50_000)
      await b.leave(never)
      expect(names(await news)).toEqual(['a'])
    })

    it('wakes the others when a session ends', async () => {
      applications++
      const [a, b] = [open(), open()]
      await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      await b.beat({ ...beat, worker: 'b', ttlMs: 500 }, never)
      let news = await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      while (news.workers.length > 1)
        news = await a.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor: news.cursor }, never)
      expect(names(news)).toEqual(['a'])
    })

    it('keeps its tables in a schema, made once by many', async () => {
      applications++
      const many = Array.from({ length: 8 }, () => open({ listens: false, schema: 'a "b" schema' }))
      await Promise.all(many.map((store, i) => store.beat({ ...beat, worker: `worker-${i}` }, never)))
      const { rows } = await pool.query(`SELECT count(*)::int AS workers FROM "a ""b"" schema".millrace_sessions`)
      expect(rows).toEqual([{ workers: 8 }])
    })

    it('says what is not allowed, and what is not there', async () => {
      await pool.query('CREATE ROLE stranger LOGIN')
      const strangers = poolOf('stranger')
      const refused = open({ pool: strangers, schema: 'elsewhere', listens: false })
      await expect(refused.beat({ ...beat, worker: 'a' }, never)).rejects.toMatchObject({ code: 'denied' })
      await strangers.end()
      const nowhere = new pg.Pool({ host: '127.0.0.1', port: 1 })
      const unavailable = open({ pool: nowhere, listens: false }).beat({ ...beat, worker: 'a' }, never)
      await expect(unavailable).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      await expect(unavailable).rejects.toBeInstanceOf(LeaseStoreError)
      await nowhere.end()
    })

    it('listens again when its connection was cut', async () => {
      applications++
      const store = open()
      const { cursor } = await store.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      const cut = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`
      const news = store.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor }, never)
      expect((await pool.query(cut)).rows[0].n).toBeGreaterThan(0)
      const next = await news
      const again = store.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor: next.cursor }, never)
      await open().create([newLeaseOf('shardId-000000000000')], never)
      expect((await again).leases).toHaveLength(1)
    })
  })
}
