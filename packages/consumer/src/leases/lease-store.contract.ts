/** What every lease store promises (`lease-store.ts`), as tests. Each store's own test file calls this. */
import { afterEach, describe, expect, it } from 'vitest'
import { TRIM_HORIZON } from '../extended-sequence-number.ts'
import type { Lease, NewLease } from './lease.ts'
import { type Beat, LEASES_PER_CALL_MAX, type LeaseNews, type LeaseStore } from './lease-store.ts'

export interface LeaseStoreHarness {
  /** A new application, without leases. */
  application(): Promise<LeaseStoreApplication>
  /** Sessions of the tests end after so long without a beat, ms. */
  readonly ttlMs: number
  /** With the next beat; otherwise when everything is told. Default: true. */
  readonly tellsLoads?: boolean
  /** Of what changed, that alone; otherwise everything as soon as anything has changed. Default: true. */
  readonly tellsChanges?: boolean
}

export interface LeaseStoreApplication {
  /** A store for one more worker. */
  open(): Promise<LeaseStore>
  /** Lets so much time pass for the store. */
  elapse(ms: number): Promise<void>
}

const never = new AbortController().signal
/** Longer than anything here takes: who is not woken is noticed. */
const WAIT_MS = 50_000

export function newLeaseOf(shardId: string, more: Partial<NewLease> = {}): NewLease {
  return {
    key: `orders:1700000000:${shardId}`,
    stream: 'orders',
    shardId,
    epoch: 0,
    checkpoint: TRIM_HORIZON,
    parents: [],
    children: [],
    ownerSwitches: 0,
    paused: false,
    ...more,
  }
}

export function leaseStoreContract(name: string, open: () => Promise<LeaseStoreHarness> | LeaseStoreHarness): void {
  describe(`a lease store: ${name}`, () => {
    const stores: LeaseStore[] = []
    afterEach(async () => {
      for (const store of stores.splice(0)) await store[Symbol.asyncDispose]()
    })

    async function setUp(workers: number) {
      const harness = await open()
      const application = await harness.application()
      const opened = await Promise.all(Array.from({ length: workers }, () => application.open()))
      stores.push(...opened)
      const beat = (store: number, more: Partial<Beat> = {}): Promise<LeaseNews> =>
        (opened[store] as LeaseStore).beat(
          { worker: `worker-${store}`, ttlMs: harness.ttlMs, waitMs: 0, held: [], capacity: 1, ...more },
          never,
        )
      return { harness, application, stores: opened as [LeaseStore, ...LeaseStore[]], beat }
    }

    it('begins without leases, and with the worker that beats', async () => {
      const { beat } = await setUp(1)
      const news = await beat(0)
      expect(news).toMatchObject({
        isComplete: true,
        leases: [],
        removed: [],
        workers: [{ worker: 'worker-0', capacity: 1 }],
      })
    })

    it('keeps what leases say', async () => {
      const { stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      const lease = newLeaseOf('shardId-000000000003', {
        checkpoint: {
          sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
          subSequenceNumber: 7,
        },
        parents: ['shardId-000000000001', 'shardId-000000000002'],
        hashKeyRange: { starting: '0', ending: '340282366920938463463374607431768211455' },
        startTimeMs: 1_700_000_000_123,
      })
      await store.create([lease], never)
      const { leases } = await beat(0)
      expect(leases).toHaveLength(1)
      expect(leases[0]).toMatchObject(lease)
      const [{ key, epoch }] = leases as [Lease]
      const pending = { checkpoint: { sequenceNumber: '12', subSequenceNumber: 0 }, state: new Uint8Array([0, 255, 1]) }
      await store.update([{ key, epoch, change: { pending, startTimeMs: undefined, loadKiBps: 12.5, paused: true, children: ['shardId-000000000009'] } }], never) // prettier-ignore
      const [changed] = (await beat(0)).leases
      expect(changed).toMatchObject({ pending: { checkpoint: pending.checkpoint }, loadKiBps: 12.5, paused: true, children: ['shardId-000000000009'] }) // prettier-ignore
      expect([...(changed?.pending?.state ?? [])]).toEqual([0, 255, 1])
      expect(changed?.startTimeMs).toBeUndefined()
    })

    it('creates a lease once', async () => {
      const { stores: [a, b], beat } = await setUp(2) // prettier-ignore
      await beat(0)
      const lease = newLeaseOf('shardId-000000000000')
      await Promise.all([a.create([lease], never), (b as LeaseStore).create([lease], never)])
      const [{ key, epoch }] = (await beat(0)).leases as [Lease]
      await a.update([{ key, epoch, change: { owner: 'worker-0', epoch: epoch + 1 } }], never)
      await a.create([lease, newLeaseOf('shardId-000000000001')], never)
      const { leases } = await beat(0)
      expect(leases.map(({ shardId, owner }) => [shardId, owner]).sort()).toEqual([
        ['shardId-000000000000', 'worker-0'],
        ['shardId-000000000001', undefined],
      ])
    })

    it('updates only in the term that is named, each lease alone', async () => {
      const { stores: [a, b = a], beat } = await setUp(2) // prettier-ignore
      await beat(0)
      await a.create([newLeaseOf('shardId-000000000000'), newLeaseOf('shardId-000000000001')], never)
      const [first, second] = (await beat(0)).leases.toSorted((x, y) => (x.key < y.key ? -1 : 1)) as [Lease, Lease]
      const take = (lease: Lease, owner: string) => ({
        key: lease.key,
        epoch: lease.epoch,
        change: { owner, epoch: lease.epoch + 1 },
      })
      expect(await a.update([take(first, 'worker-0')], never)).toMatchObject([{ outcome: 'updated', lease: { owner: 'worker-0', epoch: 1 } }]) // prettier-ignore
      expect(
        await b.update(
          [
            take(first, 'worker-1'),
            take(second, 'worker-1'),
            take({ ...first, key: 'orders:1700000000:shardId-000000000007' }, 'worker-1'),
          ],
          never,
        ),
      ).toMatchObject([
        // prettier-ignore
        { outcome: 'conflict', lease: { key: first.key, owner: 'worker-0', epoch: 1 } },
        { outcome: 'updated', lease: { key: second.key, owner: 'worker-1', epoch: 1 } },
        { outcome: 'gone' },
      ])
    })

    it('lets only one of many take a lease', async () => {
      const workers = 8
      const { stores: all, beat } = await setUp(workers)
      await beat(0)
      await all[0].create([newLeaseOf('shardId-000000000000')], never)
      const [{ key, epoch }] = (await beat(0)).leases as [Lease]
      const results = await Promise.all(
        all.map((store, i) =>
          store.update([{ key, epoch, change: { owner: `worker-${i}`, epoch: epoch + 1 } }], never),
        ),
      )
      const winners = results.flat().filter(({ outcome }) => outcome === 'updated')
      expect(winners).toHaveLength(1)
      const [lease] = (await beat(0)).leases
      expect(winners).toMatchObject([{ lease: { owner: lease?.owner } }])
    })

    it('refuses a checkpoint of a term that is over', async () => {
      const { stores: [a, b = a], beat } = await setUp(2) // prettier-ignore
      await beat(0)
      await a.create([newLeaseOf('shardId-000000000000')], never)
      const [{ key }] = (await beat(0)).leases as [Lease]
      const at = (sequenceNumber: string) => ({ checkpoint: { sequenceNumber, subSequenceNumber: 0 } })
      await a.update([{ key, epoch: 0, change: { owner: 'worker-0', epoch: 1 } }], never)
      expect(await a.update([{ key, epoch: 1, change: at('5') }], never)).toMatchObject([{ outcome: 'updated' }])
      await b.update([{ key, epoch: 1, change: { owner: 'worker-1', epoch: 2 } }], never)
      expect(await a.update([{ key, epoch: 1, change: at('6') }], never)).toMatchObject([
        { outcome: 'conflict', lease: { owner: 'worker-1', epoch: 2, ...at('5') } },
      ])
      expect((await beat(1)).leases).toMatchObject([at('5')])
    })

    it('refuses a checkpoint before the stored one, unless it begins a term', async () => {
      const { stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      const { key } = newLeaseOf('shardId-000000000000')
      await store.create([newLeaseOf('shardId-000000000000')], never)
      const put = async (sequenceNumber: string, subSequenceNumber = 0, next: { epoch?: number } = {}) => {
        const change = { checkpoint: { sequenceNumber, subSequenceNumber }, ...next }
        const [result] = await store.update([{ key, epoch: 0, change }], never)
        return result?.outcome
      }
      for (const place of ['TRIM_HORIZON', 'LATEST', '9', '10', '10']) expect(await put(place)).toBe('updated')
      expect(await put('10', 2)).toBe('updated')
      for (const [place, sub] of [['10', 1], ['9', 7], ['LATEST', 0]] as const) expect(await put(place, sub)).toBe('conflict') // prettier-ignore
      expect((await beat(0)).leases).toMatchObject([{ checkpoint: { sequenceNumber: '10', subSequenceNumber: 2 } }])
      expect(await put('SHARD_END')).toBe('updated')
      expect(await put('11')).toBe('conflict')
      expect(await put('3', 0, { epoch: 1 })).toBe('updated')
      expect((await beat(0)).leases).toMatchObject([{ checkpoint: { sequenceNumber: '3' }, epoch: 1 }])
    })

    it('takes a lease away only in the term that is named', async () => {
      const { stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      await store.create([newLeaseOf('shardId-000000000000'), newLeaseOf('shardId-000000000001')], never)
      const { leases, cursor } = await beat(0)
      const [first, second] = leases as [Lease, Lease]
      await store.remove([{ key: first.key, epoch: first.epoch }, { key: second.key, epoch: second.epoch + 1 }, { key: 'orders:1700000000:none', epoch: 0 }], never) // prettier-ignore
      const news = await beat(0, { cursor })
      const isGone = news.isComplete
        ? news.leases.every(({ key }) => key !== first.key)
        : news.removed.includes(first.key)
      expect(isGone).toBe(true)
      expect((await beat(0)).leases.map(({ key }) => key)).toEqual([second.key])
      expect(await store.update([{ key: first.key, epoch: first.epoch, change: { paused: true } }], never)).toEqual([{ outcome: 'gone' }]) // prettier-ignore
    })

    it('tells what is new since a cursor', async () => {
      const { stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      const many = Array.from({ length: LEASES_PER_CALL_MAX }, (_, i) =>
        newLeaseOf(`shardId-${String(i).padStart(12, '0')}`),
      )
      await store.create(many, never)
      const { cursor } = await beat(0)
      const key = many[42]?.key ?? ''
      await store.update([{ key, epoch: 0, change: { owner: 'worker-0', epoch: 1 } }], never)
      const news = await beat(0, { cursor })
      expect(news.leases.find((lease) => lease.key === key)).toMatchObject({ owner: 'worker-0', epoch: 1 })
      if (!news.isComplete) expect(news.leases).toHaveLength(1)
      const none = await beat(0, { cursor: news.cursor })
      if (!none.isComplete) expect(none.leases).toEqual([])
    })

    it('tells no checkpoint by itself: it comes along when its lease is told', async () => {
      const { harness, stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      const { key } = newLeaseOf('shardId-000000000000')
      await store.create([newLeaseOf('shardId-000000000000'), newLeaseOf('shardId-000000000001')], never)
      const { cursor } = await beat(0)
      const checkpoint = { sequenceNumber: '7', subSequenceNumber: 0 }
      await store.update([{ key, epoch: 0, change: { checkpoint } }], never)
      const none = await beat(0, { cursor })
      await store.update([{ key, epoch: 0, change: { paused: true } }], never)
      const news = await beat(0, { cursor })
      expect(news.leases.find((lease) => lease.key === key)).toMatchObject({ checkpoint, paused: true })
      if (harness.tellsChanges === false) return
      expect([none.isComplete, none.leases]).toEqual([false, []])
      expect([news.isComplete, news.leases.length]).toEqual([false, 1])
    })

    it('loses no news of many writers', async () => {
      const { stores: [, ...writers], beat } = await setUp(9) // prettier-ignore
      let { cursor } = await beat(0)
      const seen = new Set<string>()
      let isWritten = false
      const writing = Promise.all(
        writers.map(async (store, w) => {
          for (let i = 0; i < 10; i++) await store.create([newLeaseOf(`shard-${w}-${i}`)], never)
        }),
      ).then(() => (isWritten = true))
      for (let last = false; !last;) {
        last = isWritten
        const news = await beat(0, { cursor })
        cursor = news.cursor
        for (const { shardId } of news.leases) seen.add(shardId)
      }
      await writing
      expect(seen.size).toBe(80)
    })

    it('tells a load with the next beat, or where a beat costs more, when everything is told', async () => {
      const { harness, stores: [store], beat } = await setUp(1) // prettier-ignore
      await beat(0)
      await store.create([newLeaseOf('shardId-000000000000')], never)
      const { cursor, leases } = await beat(0)
      const { key, epoch } = leases[0] as Lease
      await store.update([{ key, epoch, change: { loadKiBps: 12.5 } }], never)
      const { isComplete, leases: told } = await beat(0, { cursor })
      if (isComplete || harness.tellsLoads !== false) expect(told).toMatchObject([{ key, loadKiBps: 12.5 }])
    })

    it('counts a worker as long as it beats, and no longer', async () => {
      const { harness, application, beat } = await setUp(2)
      await beat(0)
      await beat(1)
      const names = (news: LeaseNews) => news.workers.map(({ worker }) => worker).sort()
      expect(names(await beat(0))).toEqual(['worker-0', 'worker-1'])
      await application.elapse(harness.ttlMs * 0.6)
      await beat(0)
      await application.elapse(harness.ttlMs * 0.6)
      expect(names(await beat(0))).toEqual(['worker-0'])
      expect(names(await beat(1))).toEqual(['worker-0', 'worker-1'])
    })

    it('ends the wait of a beat when a lease is new; where it cannot wait, the next one tells', async () => {
      const { stores: [, b], beat } = await setUp(2) // prettier-ignore
      const wait = async (cursor: string): Promise<LeaseNews> => await beat(0, { waitMs: WAIT_MS, cursor })
      await beat(1)
      const waiting = wait((await beat(0)).cursor)
      await (b as LeaseStore).create([newLeaseOf('shardId-000000000000')], never)
      let news = await waiting
      while (news.leases.length === 0) news = await wait(news.cursor)
      expect(news.leases).toHaveLength(1)
    })

    it('forgets a worker that leaves', async () => {
      const { stores: [, b], beat } = await setUp(2) // prettier-ignore
      await beat(0)
      await beat(1, { capacity: 2.5 })
      expect((await beat(0)).workers).toContainEqual({ worker: 'worker-1', capacity: 2.5 })
      await (b as LeaseStore).leave(never)
      expect((await beat(0)).workers.map(({ worker }) => worker)).toEqual(['worker-0'])
    })
  })
}
