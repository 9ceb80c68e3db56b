import { deferred } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import type { MetaStore } from '../engine/engine.ts'
import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { beginStream, commitCreation, firstShards } from '../streams/create.ts'
import { beginSplit } from '../streams/reshard.ts'
import { findShard, shardsOf, type Stream, type StreamKey } from '../streams/stream.ts'
import { metaWith } from '../testing/meta-with.ts'
import { idle } from '../testing/service-harness.ts'
import { Catalog, type StreamMutation } from './catalog.ts'
import { TURN_MS_MAX } from './turns.ts'

const KEY: StreamKey = { account: '123456789012', region: 'us-east-1', name: 'orders' }
const DEADLINE_MS = 1_000_000

function create(key: StreamKey, shards: number, lastBirthS = 0): StreamMutation {
  return (existing, firstRef) => {
    if (existing !== undefined) throw new Error(`${key.name} exists`)
    const nowMs = 1_700_000_000_000
    return {
      stream: beginStream({ key, shards, firstRef, nowMs, lastBirthS, maxRecordKiB: 1024, tags: { team: 'mill' } }),
      refs: shards,
    }
  }
}

const activate: StreamMutation = (stream) => ({
  stream: stream === undefined ? stream : commitCreation({ ...stream, pages: firstShards(stream) }),
})

const setRetention =
  (retentionHours: number): StreamMutation =>
  (stream) => ({ stream: stream === undefined ? stream : { ...stream, retentionHours } })

async function openCatalog(meta: MetaStore): Promise<Catalog> {
  return Catalog.open({ meta, clock: new VirtualClock(), random: seededRandom(1) })
}

function newMeta(): MetaStore {
  return createMemoryEngine({ clock: new VirtualClock() }).meta
}

/** A server whose watch is late: it sees only what it writes or asks for. */
function withoutWatch(meta: MetaStore): MetaStore {
  return metaWith(meta, { watch: () => ({ [Symbol.dispose]() {} }) })
}

/** Counts what is written and what of it is refused. */
function counting(meta: MetaStore): { readonly meta: MetaStore; readonly tries: { all: number; lost: number } } {
  const tries = { all: 0, lost: 0 }
  const cas: MetaStore['cas'] = async (changes, options) => {
    tries.all++
    const result = await meta.cas(changes, options)
    if (!result.ok) tries.lost++
    return result
  }
  return { meta: metaWith(meta, { cas }), tries }
}

/** Writes of what is named never end; `release` does them after all. */
function hanging(meta: MetaStore, name: string): { readonly meta: MetaStore; release(): void } {
  const gate = deferred<void>()
  const cas: MetaStore['cas'] = async (changes, options) => {
    if (changes.some(({ key }) => key.includes(`/${name}/`))) await gate.promise
    return meta.cas(changes, options)
  }
  return { meta: { ...withoutWatch(meta), cas }, release: () => gate.resolve() }
}

const withoutIdentity = (stream: Stream | undefined): unknown => ({ ...stream, pages: [...(stream?.pages ?? [])] })

describe('the catalog', () => {
  it('finds what it wrote at once, and again when it is opened anew', async () => {
    const meta = newMeta()
    const catalog = await openCatalog(meta)
    await catalog.change(KEY, DEADLINE_MS, create(KEY, 3))
    await catalog.change(KEY, DEADLINE_MS, activate)
    const split = await catalog.change(KEY, DEADLINE_MS, (stream, firstRef) => {
      const shard = stream === undefined ? undefined : findShard(stream, 1)
      if (stream === undefined || shard === undefined) throw new Error('no shard 1')
      return { stream: beginSplit(stream, shard, shard.range.start + 5n, firstRef, 1_700_000_001_000), refs: 2 }
    })
    expect(split?.change).toMatchObject({ kind: 'reshard', children: [{ ref: 4 }, { ref: 5 }] })
    expect(catalog.find(KEY)).toBe(split)
    const reopened = await openCatalog(meta)
    expect(withoutIdentity(reopened.find(KEY))).toEqual(withoutIdentity(split))
    expect(reopened.tokenKey).toEqual(catalog.tokenKey)
  })

  it('sees what another server wrote', async () => {
    const meta = newMeta()
    const [one, two] = [await openCatalog(meta), await openCatalog(meta)]
    await one.change(KEY, DEADLINE_MS, create(KEY, 1))
    expect(two.find(KEY)?.status).toBe('CREATING')
  })

  it('tries a change that lost a race again on what won', async () => {
    const meta = newMeta()
    const ahead = await openCatalog(meta)
    await ahead.change(KEY, DEADLINE_MS, create(KEY, 1))
    const behind = await openCatalog(withoutWatch(meta))
    await ahead.change(KEY, DEADLINE_MS, setRetention(48))
    expect(behind.find(KEY)?.retentionHours).toBe(24)
    const seen: (number | undefined)[] = []
    await behind.change(KEY, DEADLINE_MS, (stream) => {
      seen.push(stream?.retentionHours)
      return { stream: stream === undefined ? stream : { ...stream, tags: {} } }
    })
    expect(seen).toEqual([24, 48])
    expect(ahead.find(KEY)).toMatchObject({ retentionHours: 48, tags: {} })
  })

  it('learns by refreshing that a stream is gone, or another one under the same name', async () => {
    const meta = newMeta()
    const ahead = await openCatalog(meta)
    await ahead.change(KEY, DEADLINE_MS, create(KEY, 1))
    await ahead.change(KEY, DEADLINE_MS, activate)
    const behind = await openCatalog(withoutWatch(meta))
    await ahead.change(KEY, DEADLINE_MS, () => ({ stream: undefined, lastBirthS: 1_800_000_000 }))
    expect(behind.find(KEY)).toBeDefined()
    await behind.refresh(KEY)
    expect(behind.find(KEY)).toBeUndefined()
    expect(behind.lastBirthS(KEY)).toBe(1_800_000_000)
    await ahead.change(KEY, DEADLINE_MS, create(KEY, 2, 1_800_000_000))
    await behind.refresh(KEY)
    expect(behind.find(KEY)).toMatchObject({ openShards: 2, change: { birthS: 1_800_000_001 } })
  })

  it('has no stream born with one of its name that another server has just deleted', async () => {
    const meta = newMeta()
    const other = await openCatalog(withoutWatch(meta))
    const catalog = await openCatalog(meta)
    const first = await catalog.change(KEY, DEADLINE_MS, create(KEY, 1))
    // It has heard of the next ref, and of nothing else.
    await other.refresh({ ...KEY, name: 'another' })
    await catalog.change(KEY, DEADLINE_MS, () => ({ stream: undefined, lastBirthS: first?.bornS ?? 0 }))
    const second = await other.change(KEY, DEADLINE_MS, (existing, firstRef) =>
      create(KEY, 1, other.lastBirthS(KEY))(existing, firstRef),
    )
    expect(second?.bornS).toBeGreaterThan(first?.bornS ?? 0)
  })

  it('gives every shard a ref of its own, also when servers that know nothing of each other create streams', async () => {
    const meta = newMeta()
    const catalogs = [
      await openCatalog(withoutWatch(meta)),
      await openCatalog(withoutWatch(meta)),
      await openCatalog(meta),
    ]
    await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const key = { ...KEY, name: `s${i}` }
        await catalogs[i % 3]?.change(key, DEADLINE_MS, create(key, 1 + (i % 4)))
      }),
    )
    const streams = [...(await openCatalog(meta)).all()]
    const refs = streams.flatMap((stream) => [...firstShards(stream).values()].flat().map((shard) => shard.ref))
    expect(streams).toHaveLength(30)
    expect(new Set(refs).size).toBe(refs.length)
    expect(Math.min(...refs)).toBe(1)
  })

  it('makes as many compare-and-sets as there are creations at once, and no more, and gives no ref twice', async () => {
    const { meta, tries } = counting(newMeta())
    const catalog = await openCatalog(meta)
    tries.all = 0
    const names = Array.from({ length: 32 }, (_, i) => `s${i}`)
    const ended: string[] = []
    await Promise.all(
      names.map(async (name, i) => {
        await catalog.change({ ...KEY, name }, DEADLINE_MS, create({ ...KEY, name }, 1 + (i % 4)))
        ended.push(name)
      }),
    )
    expect(tries).toEqual({ all: 32, lost: 0 })
    expect(ended).toEqual(names)
    const refs = [...catalog.all()].flatMap((stream) => [...firstShards(stream).values()].flat().map(({ ref }) => ref))
    expect(new Set(refs).size).toBe(80)
  })

  it('loses no race with itself over one stream, whatever its changes are', async () => {
    const { meta, tries } = counting(newMeta())
    const catalog = await openCatalog(meta)
    await catalog.change(KEY, DEADLINE_MS, create(KEY, 1))
    await catalog.change(KEY, DEADLINE_MS, activate)
    const gone: StreamMutation = (stream) => ({ stream: undefined, lastBirthS: stream?.bornS ?? 0 })
    const hours = Array.from({ length: 16 }, (_, i) => 25 + i)
    await Promise.all(hours.map((hour) => catalog.change(KEY, DEADLINE_MS, setRetention(hour))))
    expect(catalog.find(KEY)?.retentionHours).toBe(40)
    const lastBirth = (): number => catalog.lastBirthS(KEY)
    const [, made] = await Promise.all([
      catalog.change(KEY, DEADLINE_MS, gone),
      // Refused at once as long as the stream is there: it waits for what is under way only if it would write.
      catalog.change(KEY, DEADLINE_MS, (now, ref) => (now ? { stream: now } : create(KEY, 1, lastBirth())(now, ref))),
    ])
    expect(made?.retentionHours).toBe(40)
    expect(catalog.find(KEY)).toBeUndefined()
    expect(tries.lost).toBe(0)
  })

  it('holds no change up that shares no document with one that hangs', async () => {
    const engine = newMeta()
    const { meta } = hanging(engine, 'stuck')
    const clock = new VirtualClock()
    const catalog = await Catalog.open({ meta, clock, random: seededRandom(1) })
    await catalog.change(KEY, DEADLINE_MS, create(KEY, 1))
    const stuck = { ...KEY, name: 'stuck' }
    void catalog.change(stuck, DEADLINE_MS, create(stuck, 1))
    // The end of a change takes no refs: nothing moves the clock.
    const active = await catalog.change(KEY, DEADLINE_MS, activate)
    expect(active?.status).toBe('ACTIVE')
  })

  it('takes the turn from a change that hangs, which then loses, or wins, by compare-and-set', async () => {
    const engine = newMeta()
    const { meta, release } = hanging(engine, 'stuck')
    const clock = new VirtualClock()
    const catalog = await Catalog.open({ meta, clock, random: seededRandom(1) })
    const stuck = { ...KEY, name: 'stuck' }
    const late = catalog.change(stuck, DEADLINE_MS, create(stuck, 1))
    const made: string[] = []
    for (const name of ['a', 'b', 'c'])
      void catalog
        .change({ ...KEY, name }, DEADLINE_MS, create({ ...KEY, name }, 1))
        .then((stream) => made.push(stream?.name ?? ''))
    const hopeless = catalog.change({ ...KEY, name: 'd' }, TURN_MS_MAX - 1, create({ ...KEY, name: 'd' }, 1))
    const refused = expect(hopeless).rejects.toMatchObject({ code: 'unavailable' })
    clock.advance(TURN_MS_MAX - 1)
    await refused
    expect(made).toEqual([])
    clock.advance(1)
    await idle()
    expect(made).toEqual(['a', 'b', 'c'])
    release()
    await late
    const refs = [...catalog.all()].flatMap((stream) => [...firstShards(stream).values()].flat().map(({ ref }) => ref))
    expect(refs.sort((a, b) => a - b)).toEqual([1, 2, 3, 4])
  })

  it('lists the streams of one account and region by name in code-point order', async () => {
    const catalog = await openCatalog(newMeta())
    for (const name of ['b', 'a-', 'B', 'a', 'a.b', '_'])
      await catalog.change({ ...KEY, name }, DEADLINE_MS, create({ ...KEY, name }, 1))
    const elsewhere = { ...KEY, region: 'eu-west-1', name: 'c' }
    await catalog.change(elsewhere, DEADLINE_MS, create(elsewhere, 1))
    expect(catalog.list(KEY.account, KEY.region).map(({ name }) => name)).toEqual(['B', '_', 'a', 'a-', 'a.b', 'b'])
    expect(catalog.list(KEY.account, 'eu-west-1').map(({ name }) => name)).toEqual(['c'])
    expect(catalog.list(KEY.account, 'nowhere')).toEqual([])
  })

  it('keeps 10,000 shards in small documents and rewrites only those that change', async () => {
    const meta = newMeta()
    const catalog = await openCatalog(meta)
    await catalog.change(KEY, DEADLINE_MS, create(KEY, 10_000))
    const stream = await catalog.change(KEY, DEADLINE_MS, activate)
    expect([...shardsOf(stream ?? { pages: new Map() })]).toHaveLength(10_000)
    const entries = await meta.list('catalog/streams/')
    expect(entries).toHaveLength(1 + 157)
    expect(Math.max(...entries.map(({ value }) => value.length))).toBeLessThan(16 * 1024)
    const written: string[] = []
    using _watch = meta.watch('', (events) => written.push(...events.map(({ key }) => key)))
    await catalog.change(KEY, DEADLINE_MS, (before) => {
      const shard = before === undefined ? undefined : findShard(before, 640)
      if (before === undefined || shard === undefined) throw new Error('no shard 640')
      const page = (before.pages.get(10) ?? []).map((other) => (other === shard ? { ...shard, birthS: 5 } : other))
      return { stream: { ...before, pages: new Map([...before.pages, [10, page]]) } }
    })
    expect(written).toEqual([
      'catalog/streams/123456789012/us-east-1/orders/root',
      'catalog/streams/123456789012/us-east-1/orders/shards/0010',
    ])
  })

  it('refuses documents of a version it does not know, by name and number', async () => {
    const meta = newMeta()
    const value = Buffer.from('{"v":2,"status":"ACTIVE"}')
    await meta.cas([{ key: 'catalog/streams/1/r/s/root', value, expect: 0 }], { deadlineMs: DEADLINE_MS })
    await expect(openCatalog(meta)).rejects.toThrow(
      'catalog/streams/1/r/s/root: this metadata has version 2; this server reads 1',
    )
  })

  it('gives up at the deadline', async () => {
    const clock = new VirtualClock()
    const { meta } = createMemoryEngine({ clock })
    const catalog = await Catalog.open({ meta, clock, random: seededRandom(1) })
    clock.advance(10)
    await expect(catalog.change(KEY, 5, create(KEY, 1))).rejects.toMatchObject({ code: 'unavailable' })
    expect(catalog.find(KEY)).toBeUndefined()
  })
})
