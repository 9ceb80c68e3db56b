/** Leases in a real Redis, through each client that is known. */
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import type { LeaseNews, LeaseStore } from '@millrace/consumer'
import { RedisApplications, type RedisClient, RedisLeaseStore, type RedisLeaseStoreOptions } from '@millrace/consumer/redis' // prettier-ignore
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { leaseAdministrationContract } from '../../packages/consumer/src/leases/lease-administration.contract.ts'
import { leaseStoreContract, newLeaseOf } from '../../packages/consumer/src/leases/lease-store.contract.ts'
import { type Redis, redisBinary, startRedis } from './support/redis.ts'

const binary = redisBinary()
if (binary === undefined)
  it('needs the binary of Redis', () => console.log('Leases in Redis were not tested: no redis-server is here.'))
else suites(binary)

function suites(command: string): void {
  let redis: Redis
  let io: IoRedis
  let node: ReturnType<typeof nodeRedis>
  let applications = 0
  const never = new AbortController().signal
  const nodeRedis = (port: number) => createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 20 } })
  const lease = newLeaseOf('shardId-000000000000')
  const { key } = lease

  beforeAll(async () => {
    redis = await startRedis(command)
    io = new IoRedis(redis.port)
    node = nodeRedis(redis.port)
    await node.connect()
  })
  afterAll(async () => {
    io?.disconnect()
    node?.destroy()
    await redis?.stop()
  })

  const keyOf = (application: string, name: string) => `millrace:{${application}}:${name}`
  /** Sessions end by Redis's clock: they are moved instead of it. */
  const elapse = (application: string) => async (ms: number) => {
    const workers = await io.hgetall(keyOf(application, 'workers'))
    for (const [worker, session] of Object.entries(workers)) {
      const [capacity, endsAtMs] = session.split(' ')
      await io.hset(keyOf(application, 'workers'), worker, `${capacity} ${Number(endsAtMs) - ms}`)
    }
  }
  const clients: readonly (readonly [name: string, client: () => RedisClient])[] = [
    ['redis', () => node],
    ['ioredis', () => io],
    [
      'a function',
      () =>
        ([first = '', ...rest]) =>
          io.call(first, ...rest),
    ],
  ]

  for (const [name, client] of clients) {
    leaseStoreContract(`Redis, by ${name}`, () => ({
      ttlMs: 60_000,
      async application() {
        const application = `orders-${applications++}`
        return {
          open: async () => new RedisLeaseStore({ client: client(), application }),
          elapse: elapse(application),
        }
      },
    }))

    leaseAdministrationContract(`Redis, by ${name}`, async () => {
      const application = `orders-${applications++}`
      const store = new RedisLeaseStore({ client: client(), application })
      return { name: application, administration: new RedisApplications({ client: client() }), store }
    })
  }

  const stores: LeaseStore[] = []
  const ends: (() => unknown)[] = []
  afterEach(async () => {
    for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
    for (const end of ends.splice(0).reverse()) await end()
  })
  function open(more: Partial<RedisLeaseStoreOptions> = {}) {
    const store = new RedisLeaseStore({ client: io, application: `orders-${applications}`, ...more })
    stores.push(store)
    return store
  }
  async function server(settings: readonly string[] = []) {
    const started = await startRedis(command, settings)
    ends.push(() => started.stop())
    const client = connected(started.port)
    return { redis: started, client }
  }
  function connected(port: number, options: { username?: string; password?: string } = {}) {
    const client = new IoRedis({ port, ...options, retryStrategy: () => 20 })
    client.on('error', () => undefined)
    ends.push(() => client.disconnect())
    return client
  }
  const beat = { ttlMs: 60_000, waitMs: 0, held: [], capacity: 1 }
  const at = (sequenceNumber: string) => ({ checkpoint: { sequenceNumber, subSequenceNumber: 0 } })
  const names = (news: LeaseNews) => news.workers.map(({ worker }) => worker).sort()

  describe.each(clients.slice(0, 2))('news of leases in Redis, by %s', (_, client) => {
    /** Two workers, the first of which waits for news; all it is to hear has been said. */
    async function waiting() {
      applications++
      const [a, b] = [open({ client: client() }), open({ client: client() })]
      await b.beat({ ...beat, worker: 'b' }, never)
      await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      await expect.poll(() => io.pubsub('NUMSUB', keyOf(`orders-${applications}`, 'news'))).toEqual([expect.any(String), 1]) // prettier-ignore
      const { cursor } = await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      return { a, b, news: a.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor }, never) }
    }

    it('wake a beat that waits when a worker leaves, and when one comes', async () => {
      const { a, b, news } = await waiting()
      await b.leave(never)
      const { cursor, workers } = await news
      expect(workers).toEqual([{ worker: 'a', capacity: 1 }])
      const next = a.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor }, never)
      await b.beat({ ...beat, worker: 'b' }, never)
      expect(names(await next)).toEqual(['a', 'b'])
    })

    it('wake it when a session ends', async () => {
      applications++
      const [a, b] = [open({ client: client() }), open({ client: client() })]
      await b.beat({ ...beat, worker: 'b', ttlMs: 500 }, never)
      let news = await a.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      while (news.workers.length > 1)
        news = await a.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor: news.cursor }, never)
      expect(names(news)).toEqual(['a'])
    })

    it('wake it after its connection was cut', async () => {
      const { a, b, news } = await waiting()
      const { cursor } = await Promise.all([news, io.call('CLIENT', 'KILL', 'TYPE', 'pubsub')]).then(([told]) => told)
      const next = a.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor }, never)
      await b.create([lease], never)
      expect((await next).leases).toHaveLength(1)
    })
  })

  describe('leases in Redis', () => {
    it('cost one call a beat when nothing is new, whether the store listens or not', async () => {
      for (const listens of [true, false]) {
        const application = `orders-${applications++}`
        let calls = 0
        const counted = {
          call: (first: string, ...rest: string[]) => {
            calls++
            return io.call(first, ...rest)
          },
          duplicate: () => io.duplicate(),
        }
        const store = open({ client: counted, application, listens })
        let { cursor } = await store.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
        if (listens) await expect.poll(() => io.pubsub('NUMSUB', keyOf(application, 'news'))).toEqual([expect.any(String), 1]) // prettier-ignore
        cursor = (await store.beat({ ...beat, worker: 'a', waitMs: 1, cursor }, never)).cursor
        calls = 0
        for (let i = 0; i < 3; i++)
          cursor = (await store.beat({ ...beat, worker: 'a', waitMs: 5, cursor }, never)).cursor
        expect(calls).toBe(3)
      }
    })

    it('are told as a whole to who has not heard of more changes than are remembered', async () => {
      applications++
      const store = open()
      await store.beat({ ...beat, worker: 'a' }, never)
      const { cursor } = await store.beat({ ...beat, worker: 'a' }, never)
      for (let i = 0; i < 130; i++)
        await Promise.all(Array.from({ length: 8 }, (_, j) => store.create([newLeaseOf(`shard-${i}-${j}`)], never)))
      const late = await store.beat({ ...beat, worker: 'a', cursor }, never)
      expect([late.isComplete, late.leases.length]).toEqual([true, 8 * 130])
    })

    it('are changed by scripts that Redis has forgotten', async () => {
      applications++
      const store = open()
      await store.beat({ ...beat, worker: 'a' }, never)
      await io.script('FLUSH')
      await store.create([lease], never)
      expect((await store.beat({ ...beat, worker: 'a' }, never)).leases).toHaveLength(1)
    })

    it('lie on one node of a cluster', async () => {
      const { client, redis: own } = await server(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'])
      await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
      await expect.poll(() => client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok')
      const nodes = [{ host: '127.0.0.1', port: own.port }]
      const ioCluster = new IoCluster(nodes)
      const nodeCluster = createCluster({ rootNodes: nodes.map((socket) => ({ socket })) })
      await nodeCluster.connect()
      ends.push(() => ioCluster.disconnect(), () => nodeCluster.destroy()) // prettier-ignore
      const byKey: RedisClient = (words, name) => nodeCluster.sendCommand(name, false, [...words])
      for (const cluster of [client, ioCluster, byKey]) {
        const [a, b] = ['a {prefix', 'other'].map((prefix) => open({ client: cluster, prefix, application: `orders-${++applications}` })) as [RedisLeaseStore, RedisLeaseStore] // prettier-ignore
        for (const store of [a, b]) {
          await store.beat({ ...beat, worker: 'a' }, never)
          await store.create([lease], never)
          expect(await store.update([{ key, epoch: 0, change: at('7') }], never)).toMatchObject([
            { outcome: 'updated' },
          ])
        }
        expect(await new RedisApplications({ client: cluster, prefix: 'other' }).list(never)).toContainEqual({ name: `orders-${applications}`, leases: 1, workers: 1 }) // prettier-ignore
      }
      const news = open({ client: ioCluster, application: `orders-${applications}`, prefix: 'other' })
      const { cursor } = await news.beat({ ...beat, worker: 'b', waitMs: 1 }, never)
      const next = news.beat({ ...beat, worker: 'b', waitMs: 50_000, cursor }, never)
      await open({ client, application: `orders-${applications}`, prefix: 'other' }).remove([{ key, epoch: 0 }], never)
      expect((await next).isComplete).toBe(true)
    })

    it('need no more rights than the guide says', async () => {
      const guide = readFileSync(new URL('../../docs/guide/lease-stores.md', import.meta.url), 'utf8')
      const [, ...rights] =
        /A user needs `([^`]*)` on\s+`([^`]*)`, `([^`]*)`, and `([^`]*)` to listen/.exec(guide) ?? []
      const { client: main, redis: own } = await server()
      await main.call('ACL', 'SETUSER', 'worker', 'on', '>secret', ...rights.flatMap((words) => words.split(' ')))
      const worker = createClient({ url: `redis://worker:secret@127.0.0.1:${own.port}` })
      await worker.connect()
      ends.push(() => worker.destroy())
      const store = open({ client: worker, application: 'orders' })
      let { cursor } = await store.beat({ ...beat, worker: 'a', waitMs: 1 }, never)
      await expect.poll(() => main.pubsub('NUMSUB', keyOf('orders', 'news'))).toEqual([expect.any(String), 1])
      await store.create([lease], never)
      await store.update([{ key, epoch: 0, change: { paused: true } }], never)
      cursor = (await store.beat({ ...beat, worker: 'a', waitMs: 1, cursor }, never)).cursor
      const news = store.beat({ ...beat, worker: 'a', waitMs: 50_000, cursor }, never)
      await open({ client: worker, application: 'orders' }).remove([{ key, epoch: 0 }], never)
      expect((await news).leases).toEqual([])
      await store.leave(never)
      expect(await new RedisApplications({ client: worker }).list(never)).toEqual([{ name: 'orders', leases: 0, workers: 0 }]) // prettier-ignore
    })

    it('say what is not allowed, and what is not there', async () => {
      const { client, redis: own } = await server()
      await client.call('ACL', 'SETUSER', 'stranger', 'on', '>secret', '+info')
      const stranger = connected(own.port, { username: 'stranger', password: 'secret' })
      const denied = open({ client: stranger, durability: 'assumed' }).beat({ ...beat, worker: 'a' }, never)
      await expect(denied).rejects.toMatchObject({ name: 'LeaseStoreError', code: 'denied', retryable: false })
      await own.kill()
      const away = new IoRedis(own.port, { maxRetriesPerRequest: 0, retryStrategy: () => null })
      away.on('error', () => undefined)
      const unavailable = open({ client: away }).beat({ ...beat, worker: 'a' }, never)
      await expect(unavailable).rejects.toMatchObject({ name: 'LeaseStoreError', code: 'unavailable', retryable: true })
    })

    it('fail at once when a thousand commands are not answered', async () => {
      const asking = new RedisApplications({ client: () => new Promise(() => undefined) })
      const over = new AbortController()
      setMaxListeners(0, over.signal)
      const waiting = Array.from({ length: 1_000 }, () => asking.list(over.signal).catch(() => undefined))
      await expect(asking.list(never)).rejects.toMatchObject({ code: 'unavailable', message: 'Redis: 1000 commands are not answered yet.' }) // prettier-ignore
      over.abort()
      await Promise.all(waiting)
    })
  })

  describe('a lease store in Redis', () => {
    it('refuses a Redis that may take back what it answered, and says which settings to make', async () => {
      const { client } = await server(['--appendonly', 'no'])
      const refused = (more: Partial<RedisLeaseStoreOptions> = {}) => open({ client, ...more }).beat({ ...beat, worker: 'a' }, never) // prettier-ignore
      const isRefused = (message: string) => ({ code: 'invalid', retryable: false, message: expect.stringContaining(message) as string }) // prettier-ignore
      await expect(refused()).rejects.toMatchObject(isRefused('found appendonly no (set: appendonly yes). Where'))
      await client.config('SET', 'appendonly', 'yes')
      for (const [name, value, durable] of [
        ['appendfsync', 'everysec', 'always'],
        ['no-appendfsync-on-rewrite', 'yes', 'no'],
        ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
      ] as const) {
        await client.config('SET', name, value)
        await expect(refused()).rejects.toMatchObject(isRefused(`found ${name} ${value} (set: ${name} ${durable})`))
        await expect(refused({ durability: 'assumed' })).resolves.toMatchObject({ isComplete: true })
        await client.config('SET', name, durable)
      }
      await expect(refused()).resolves.toMatchObject({ isComplete: true })
    })

    it('refuses one whose settings it may not see, unless it is told to go on', async () => {
      const { client, redis: own } = await server()
      await client.call('ACL', 'SETUSER', 'tenant', 'on', '>secret', '~*', '&*', '+@all', '-config')
      const tenant = connected(own.port, { username: 'tenant', password: 'secret' })
      const beating = (more: Partial<RedisLeaseStoreOptions>) => open({ client: tenant, ...more }).beat({ ...beat, worker: 'a' }, never) // prettier-ignore
      await expect(beating({})).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/CONFIG GET is refused.*NOPERM.*durability: "assumed"/) as string,
      })
      await expect(beating({ durability: 'assumed' })).resolves.toMatchObject({ isComplete: true })
    })

    it('looks again at a Redis that was away', async () => {
      const { client } = await server()
      const store = open({ client })
      const { cursor } = await store.beat({ ...beat, worker: 'a' }, never)
      await client.config('SET', 'appendfsync', 'everysec')
      await client.flushall()
      await store.beat({ ...beat, worker: 'a', cursor }, never)
      await expect(store.beat({ ...beat, worker: 'a', cursor }, never)).rejects.toMatchObject({ code: 'invalid' })
    })

    it.each(clients.slice(0, 2))('has what it answered when Redis was killed, by %s', async (name) => {
      const { redis: own, client: ioClient } = await server()
      const nodeClient = nodeRedis(own.port)
      nodeClient.on('error', () => undefined)
      await nodeClient.connect()
      ends.push(() => nodeClient.destroy())
      const store = open({ client: name === 'redis' ? nodeClient : ioClient })
      await store.beat({ ...beat, worker: 'a' }, never)
      await store.create([lease], never)
      for (let i = 1; i <= 3; i++) {
        expect(await store.update([{ key, epoch: 0, change: at(String(i)) }], never)).toMatchObject([{ outcome: 'updated' }]) // prettier-ignore
        await own.kill()
        await own.start()
        const beating = () => store.beat({ ...beat, worker: 'a' }, never).catch(() => undefined)
        await expect.poll(async () => (await beating())?.leases).toMatchObject([at(String(i))])
      }
    })
  })

  describe('a Redis that lost leases', () => {
    /** What a worker has that holds a lease in its ninth term, of which Redis forgets all but what `lose` leaves. */
    async function ninth(lose: (saved: () => Promise<unknown>) => Promise<unknown>) {
      const application = `orders-${++applications}`
      const [late, other] = [open(), open()]
      await late.beat({ ...beat, worker: 'late' }, never)
      await late.create([lease], never)
      const terms = async (store: LeaseStore, from: number, to: number, owner: string) => {
        for (let epoch = from; epoch < to; epoch++)
          expect(await store.update([{ key, epoch, change: { owner, epoch: epoch + 1 } }], never)).toMatchObject([{ outcome: 'updated' }]) // prettier-ignore
      }
      await terms(late, 0, 5, 'late')
      const keys = await io.keys(`millrace:{${application}}:*`)
      const dumps = await Promise.all(keys.map((name) => io.dumpBuffer(name)))
      await terms(late, 5, 9, 'late')
      const { cursor } = await late.beat({ ...beat, worker: 'late' }, never)
      await lose(() => Promise.all(keys.map((name, i) => io.restore(name, 0, dumps[i] as Buffer, 'REPLACE'))))
      return { late, other, terms, cursor, application }
    }
    const nothing = async () => {
      for (const name of await io.keys(`millrace:{orders-${applications}}:*`)) await io.del(name)
    }

    it.each([
      ['all of it', nothing, 0],
      ['back to an older one', (restore: () => Promise<unknown>) => restore(), 5],
    ])('refuses what was thought of a term that is lost, and comes again: %s', async (_, lose, left) => {
      const { late, other, terms } = await ninth(lose)
      await other.beat({ ...beat, worker: 'other' }, never)
      await other.create([lease], never)
      await terms(other, left, 9, 'other')
      expect(await late.update([{ key, epoch: 9, change: at('99') }], never)).toMatchObject([{ outcome: 'conflict', lease: { owner: 'other', epoch: 9 } }]) // prettier-ignore
      await late.remove([{ key, epoch: 9 }], never)
      expect((await other.beat({ ...beat, worker: 'other' }, never)).leases).toMatchObject([{ epoch: 9, checkpoint: lease.checkpoint }]) // prettier-ignore
      expect(await other.update([{ key, epoch: 9, change: at('7') }], never)).toMatchObject([{ outcome: 'updated' }])
    })

    it.each([
      ['all of it', nothing, 0],
      ['back to an older one', (restore: () => Promise<unknown>) => restore(), 5],
    ])('tells everything, however many changes there were since: %s', async (_, lose, left) => {
      const { late, other, terms, cursor } = await ninth(lose)
      await other.create([lease], never)
      await terms(other, left, 20, 'other')
      const news = await late.beat({ ...beat, worker: 'late', cursor }, never)
      expect(news).toMatchObject({ isComplete: true, leases: [{ owner: 'other', epoch: 20 }] })
      expect(names(news)).toEqual(['late'])
    })

    it('ends a term in an epoch that was another one’s, before its owner hears of it', async () => {
      const { late, other, terms, cursor } = await ninth(nothing)
      await other.create([lease], never)
      await terms(other, 0, 9, 'late')
      const news = await late.beat({ ...beat, worker: 'late', cursor }, never)
      expect(news.leases).toMatchObject([{ owner: 'late', epoch: 10 }])
      expect(await late.update([{ key, epoch: 9, change: at('99') }], never)).toMatchObject([{ outcome: 'conflict' }])
      expect(await late.update([{ key, epoch: 10, change: at('7') }], never)).toMatchObject([{ outcome: 'updated' }])
    })

    it('has the application listed again', async () => {
      const { late, cursor, application } = await ninth(nothing)
      await io.srem('millrace:applications', application)
      await late.beat({ ...beat, worker: 'late', cursor }, never)
      await late.beat({ ...beat, worker: 'late', cursor }, never)
      expect(await new RedisApplications({ client: io }).list(never)).toContainEqual({ name: application, leases: 0, workers: 1 }) // prettier-ignore
    })
  })

  describe('a lease store in Redis with replicas', () => {
    it('counts a change as done when so many have it', async () => {
      const { client, redis: main } = await server(['--repl-diskless-sync-delay', '0'])
      const { redis: replica } = await server(['--replicaof', `127.0.0.1 ${main.port}`])
      await expect.poll(() => client.info('replication')).toContain('state=online')
      const store = open({ client, replicas: { count: 1 } })
      await store.beat({ ...beat, worker: 'a' }, never)
      await store.create([lease], never)
      expect(await store.update([{ key, epoch: 0, change: at('7') }], never)).toMatchObject([{ outcome: 'updated' }])
      await replica.kill()
      const alone = store.update([{ key, epoch: 0, change: at('8') }], never)
      await expect(alone).rejects.toMatchObject({ code: 'unavailable', message: 'Redis: expected 1 replicas to have a write within 1000 ms, found 0.' }) // prettier-ignore
    })

    it('trusts no wait on another connection than the write’s, and asks for syncs where they are wanted', async () => {
      const { client } = await server()
      const said: string[] = []
      let connection = 0
      let synced: unknown = [1, 2]
      const sender = ([first = '', ...rest]: readonly string[]): Promise<unknown> => {
        if (first === 'WAITAOF') {
          said.push([first, ...rest].join(' '))
          return Promise.resolve(synced)
        }
        if (first === 'CLIENT') return Promise.resolve(connection)
        return client.call(first, ...rest)
      }
      const store = open({ client: sender, replicas: { count: 2, fsync: true } })
      await store.create([lease], never)
      expect(said).toEqual(['WAITAOF 1 2 1000'])
      for (const few of [
        [0, 2],
        [1, 1],
      ]) {
        synced = few
        await expect(store.update([{ key, epoch: 0, change: at('7') }], never)).rejects.toMatchObject({ code: 'unavailable' }) // prettier-ignore
      }
      synced = [1, 2]
      const reconnecting = open({
        client: (words) => (connection++, sender(words)),
        replicas: { count: 2, fsync: true },
      })
      await expect(reconnecting.update([{ key, epoch: 0, change: at('8') }], never)).rejects.toMatchObject({
        code: 'unavailable',
        message: 'Redis: expected a write and its wait on one connection, found two.',
      })
    })
  })
}
