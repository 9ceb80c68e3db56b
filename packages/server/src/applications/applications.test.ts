import {
  BeatSession,
  type BeatSessionInput,
  type BeatSessionOutput,
  CreateLeases,
  DeleteApplication,
  DescribeApplication,
  LEASES_PER_APPLICATION_MAX,
  LeaveSession,
  ListApplications,
  RemoveLeases,
  type ServiceLease,
  type ServiceLeaseChange,
  type ServiceNewLease,
  UpdateLeases,
  WORKERS_PER_APPLICATION_MAX,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it, vi } from 'vitest'

import type { Engine } from '../engine/engine.ts'
import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { deafEngine } from '../testing/deaf-engine.ts'
import { metaWith } from '../testing/meta-with.ts'
import { newLease as lease, newLeases as leases } from '../testing/new-leases.ts'
import { idle, ServiceHarness } from '../testing/service-harness.ts'

const ApplicationName = 'orders'
const TTL_MS = 10_000

const keysOf = (list: readonly { readonly LeaseKey: string }[]): string[] => list.map(({ LeaseKey }) => LeaseKey)
const namesOf = ({ Workers }: BeatSessionOutput): string[] | undefined => Workers?.map(({ Worker }) => Worker)

function beat(harness: ServiceHarness, worker: string, rest: Partial<BeatSessionInput> = {}) {
  return harness.call(BeatSession, { ApplicationName, Worker: worker, TtlMs: TTL_MS, ...rest })
}

/** A beat that waits: settled as soon as it is answered. */
function waitingBeat(harness: ServiceHarness, worker: string, Cursor: string, signal?: AbortSignal) {
  const state: { news?: BeatSessionOutput } = {}
  const answer = harness
    .call(
      BeatSession,
      { ApplicationName, Worker: worker, TtlMs: TTL_MS, WaitMs: 5_000, Cursor },
      signal === undefined ? {} : { signal },
    )
    .then((news) => (state.news = news))
  return { state, answer }
}

async function update(harness: ServiceHarness, { LeaseKey, Epoch }: ServiceLease, Change: ServiceLeaseChange) {
  const { Results } = await harness.call(UpdateLeases, { ApplicationName, Updates: [{ LeaseKey, Epoch, Change }] })
  return Results[0] ?? expect.unreachable()
}

/** A cursor of somebody who knows everything. */
async function caughtUp(harness: ServiceHarness, worker: string): Promise<string> {
  let news = await beat(harness, worker)
  while (news.HasMore) news = await beat(harness, worker, { Cursor: news.Cursor })
  return news.Cursor
}

describe('news of an application', () => {
  it('are everything at first, and then what changed', async () => {
    await using harness = await ServiceHarness.open()
    const first = await beat(harness, 'a')
    expect(first).toMatchObject({ IsComplete: true, HasMore: false, Leases: [], Removed: [] })
    expect(first.Workers).toEqual([{ Worker: 'a', CapacityMilli: 1000 }])
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 3) })
    const second = await beat(harness, 'a', { Cursor: first.Cursor })
    expect(second).toMatchObject({ IsComplete: false, HasMore: false, Removed: [] })
    expect(second).not.toHaveProperty('Workers')
    expect(keysOf(second.Leases)).toEqual(keysOf(leases(0, 3)))
    const third = await beat(harness, 'a', { Cursor: second.Cursor })
    expect(third).toEqual({ IsComplete: false, HasMore: false, Leases: [], Removed: [], Cursor: second.Cursor })

    await update(harness, second.Leases[1] as ServiceLease, { Owner: 'a', Epoch: 1 })
    const { LeaseKey, Epoch } = second.Leases[2] as ServiceLease
    await harness.call(RemoveLeases, { ApplicationName, Leases: [{ LeaseKey, Epoch }] })
    const fourth = await beat(harness, 'a', { Cursor: third.Cursor })
    expect(fourth).toMatchObject({ Leases: [{ ...lease(1), Owner: 'a', Epoch: 1 }], Removed: [LeaseKey] })
    // Who knows an older cursor is told the same again.
    expect(await beat(harness, 'a', { Cursor: third.Cursor })).toEqual(fourth)
  })

  it('of a large table come in pages, and what changes meanwhile comes behind them', async () => {
    await using harness = await ServiceHarness.open()
    for (let i = 0; i < 2_500; i += 100) await harness.call(CreateLeases, { ApplicationName, Leases: leases(i, 100) })
    let news = await beat(harness, 'a')
    expect([news.IsComplete, news.HasMore, news.Leases.length]).toEqual([true, true, 1_000])
    const told = new Map(news.Leases.map((each) => [each.LeaseKey, each]))
    await update(harness, news.Leases[0] as ServiceLease, { Paused: true })
    while (news.HasMore) {
      news = await beat(harness, 'a', { Cursor: news.Cursor, WaitMs: 5_000 })
      expect(news.IsComplete).toBe(false)
      for (const each of news.Leases) told.set(each.LeaseKey, each)
    }
    expect(told.size).toBe(2_500)
    expect(told.get(lease(0).LeaseKey)?.Paused).toBe(true)
    // And so do changes of as many.
    const { Cursor } = news
    const Updates = [...told.keys()].map((LeaseKey) => ({ LeaseKey, Epoch: 0, Change: { Owner: 'a' } }))
    for (let i = 0; i < 2_500; i += 100)
      await harness.call(UpdateLeases, { ApplicationName, Updates: Updates.slice(i, i + 100) })
    const pages = [await beat(harness, 'a', { Cursor })]
    while (pages.at(-1)?.HasMore) pages.push(await beat(harness, 'a', { Cursor: pages.at(-1)?.Cursor }))
    expect(pages.map(({ Leases }) => Leases.length)).toEqual([1_000, 1_000, 500])
    expect(new Set(pages.flatMap(({ Leases }) => keysOf(Leases))).size).toBe(2_500)
  })

  it('begin anew for a cursor of another life of the server, and for one that is none', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    const cursors: string[] = ['nonsense', '1.1.1']
    {
      await using harness = await ServiceHarness.open({ clock, memory })
      await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })
      cursors.push(await caughtUp(harness, 'a'))
    }
    await using harness = await ServiceHarness.open({ clock, memory, seed: 2 })
    for (const Cursor of cursors)
      expect(await beat(harness, 'a', { Cursor })).toMatchObject({ IsComplete: true, Leases: [lease(0)] })
  })
})

describe('a beat that waits', () => {
  it('is answered when a lease is made, taken, asked for, paused, ended or removed, and not for a checkpoint or a load', async () => {
    await using harness = await ServiceHarness.open()
    const change = (Change: ServiceLeaseChange) => async () => {
      const { Leases } = await harness.call(DescribeApplication, { ApplicationName })
      await update(harness, Leases[0] as ServiceLease, Change)
    }
    const checkpoint = (SequenceNumber: string) => ({ Checkpoint: { SequenceNumber, SubSequenceNumber: 0 } })
    await beat(harness, 'other')
    const steps: readonly (readonly [isNews: boolean | 'later', step: () => Promise<unknown>])[] = [
      [true, () => harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })],
      [true, change({ Owner: 'other', Epoch: 1 })],
      [true, change({ Heir: 'waiter' })],
      [false, change(checkpoint('17'))],
      [false, change({ OwnerSwitches: 1 })],
      ['later', change({ LoadBytesPerSecond: 5 })],
      [true, change({ Epoch: 2 })],
      [true, change({ Paused: true })],
      [true, change(checkpoint('SHARD_END'))],
      [
        true,
        async () => {
          const { Leases } = await harness.call(DescribeApplication, { ApplicationName })
          await harness.call(RemoveLeases, { ApplicationName, Leases })
        },
      ],
      [true, () => beat(harness, 'third')],
      [true, () => harness.call(LeaveSession, { ApplicationName, Worker: 'third' })],
    ]
    for (const [index, [isNews, step]] of steps.entries()) {
      const { state, answer } = waitingBeat(harness, 'waiter', await caughtUp(harness, 'waiter'))
      await idle()
      expect(state.news).toBeUndefined()
      await step()
      await idle()
      expect([index, state.news !== undefined]).toEqual([index, isNews === true])
      await harness.advance(5_000)
      const { Leases, Removed, Workers = [] } = await answer
      expect(Leases.length + Removed.length + Workers.length > 0).toBe(isNews !== false)
      await beat(harness, 'other')
    }
  })

  it('is answered after its time without news', async () => {
    await using harness = await ServiceHarness.open()
    const Cursor = await caughtUp(harness, 'a')
    const { state, answer } = waitingBeat(harness, 'a', Cursor)
    await harness.advance(4_999)
    expect(state.news).toBeUndefined()
    await harness.advance(1)
    expect(await answer).toEqual({ Cursor, IsComplete: false, HasMore: false, Leases: [], Removed: [] })
  })

  it('never waits longer than half its session', async () => {
    await using harness = await ServiceHarness.open()
    const Cursor = await caughtUp(harness, 'a')
    const waiting = harness.call(BeatSession, { ApplicationName, Worker: 'a', TtlMs: 2_000, WaitMs: 5_000, Cursor })
    await harness.advance(1_000)
    expect(await waiting).toMatchObject({ Leases: [] })
  })

  it('is answered when its client leaves, when its worker asks anew, and when the service stops', async () => {
    await using harness = await ServiceHarness.open()
    const Cursor = await caughtUp(harness, 'a')
    const left = new AbortController()
    const first = waitingBeat(harness, 'a', Cursor, left.signal)
    await idle()
    left.abort()
    await first.answer
    const second = waitingBeat(harness, 'a', Cursor)
    await idle()
    const third = waitingBeat(harness, 'a', Cursor)
    await second.answer
    await idle()
    expect(third.state.news).toBeUndefined()
    harness.service.stopWaiting()
    await third.answer
    expect((await waitingBeat(harness, 'a', Cursor).answer).Leases).toEqual([])
  })
})

describe('a session', () => {
  it('lasts as long as the last beat asked for, and its end is told', async () => {
    await using harness = await ServiceHarness.open()
    await beat(harness, 'a')
    const Cursor = await caughtUp(harness, 'b')
    await harness.advance(TTL_MS - 3_000)
    await beat(harness, 'b')
    const { state } = waitingBeat(harness, 'b', Cursor)
    await harness.advance(2_999)
    expect(state.news).toBeUndefined()
    await harness.advance(1)
    expect(namesOf(state.news as BeatSessionOutput)).toEqual(['b'])
  })

  it('of a worker that left is over at once', async () => {
    await using harness = await ServiceHarness.open()
    await beat(harness, 'a')
    const { state } = waitingBeat(harness, 'b', await caughtUp(harness, 'b'))
    await harness.call(LeaveSession, { ApplicationName, Worker: 'a' })
    await idle()
    expect(namesOf(state.news as BeatSessionOutput)).toEqual(['b'])
  })

  it('has the capacity that was named, and a change of it is told', async () => {
    await using harness = await ServiceHarness.open()
    const Cursor = await caughtUp(harness, 'a')
    await beat(harness, 'b', { CapacityMilli: 2_500 })
    const { Workers } = await beat(harness, 'a', { Cursor })
    expect(Workers).toEqual([
      { Worker: 'a', CapacityMilli: 1_000 },
      { Worker: 'b', CapacityMilli: 2_500 },
    ])
  })

  it('is presumed of owners after a start, for the longest that one of the application lasts, and no longer', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    {
      await using harness = await ServiceHarness.open({ clock, memory })
      await harness.call(CreateLeases, { ApplicationName, Leases: [lease(0, { Owner: 'a', Epoch: 1 })] })
      await beat(harness, 'a')
      await beat(harness, 'b', { TtlMs: 20_000 })
    }
    await using harness = await ServiceHarness.open({ clock, memory, seed: 2 })
    expect(namesOf(await beat(harness, 'c', { TtlMs: 60_000 }))).toEqual(['a', 'c'])
    const Cursor = await caughtUp(harness, 'c')
    const { state } = waitingBeat(harness, 'c', Cursor)
    await harness.advance(19_999 - 15_000)
    expect(state.news).toBeUndefined()
    await harness.advance(15_000)
    expect(namesOf(await beat(harness, 'c'))).toEqual(['a', 'c'])
    await harness.advance(1)
    expect(namesOf(await beat(harness, 'c'))).toEqual(['c'])
  })

  it('is refused beyond a thousand, but not to who has one', async () => {
    await using harness = await ServiceHarness.open()
    for (let i = 0; i < WORKERS_PER_APPLICATION_MAX; i++) await beat(harness, `w${i}`)
    const refused = { ApplicationName, Worker: 'one more', TtlMs: TTL_MS }
    expect(await harness.fault(BeatSession, refused)).toBe(
      'LimitExceededException: This request would exceed the limit on live workers of application orders under account ' +
        '123456789012. Limit: 1000.',
    )
    await beat(harness, 'w0')
  })
})

describe('a change of a lease', () => {
  it('is made in the term it names alone; others are told what is there', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })
    const [created] = (await beat(harness, 'a')).Leases as [ServiceLease]
    const taken = await update(harness, created, { Owner: 'a', Epoch: 1 })
    expect(taken).toMatchObject({ Outcome: 'UPDATED', Lease: { ...lease(0), Owner: 'a', Epoch: 1 } })
    expect(taken.Lease?.Version).toBeGreaterThan(created.Version)
    expect(await update(harness, created, { Owner: 'b', Epoch: 1 })).toEqual({
      Outcome: 'CONFLICT',
      Lease: taken.Lease,
    })
    await harness.call(RemoveLeases, { ApplicationName, Leases: [created] })
    expect(await update(harness, taken.Lease as ServiceLease, { Paused: true })).toMatchObject({ Outcome: 'UPDATED' })
  })

  it('of several at once in one term is made, each on top of the others', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })
    const { LeaseKey } = lease(0)
    const Checkpoint = { SequenceNumber: '5', SubSequenceNumber: 0 }
    const changes: readonly ServiceLeaseChange[] = [{ Heir: 'b' }, { Checkpoint }, { Paused: true }]
    const Updates = changes.map((Change) => ({ LeaseKey, Epoch: 0, Change }))
    const { Results } = await harness.call(UpdateLeases, { ApplicationName, Updates })
    expect(Results.map(({ Outcome }) => Outcome)).toEqual(['UPDATED', 'UPDATED', 'UPDATED'])
    const { Leases } = await harness.call(DescribeApplication, { ApplicationName })
    expect(Leases).toMatchObject([{ Heir: 'b', Checkpoint, Paused: true }])
  })

  it('of several at once that end the term is made once', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })
    const { LeaseKey } = lease(0)
    const Updates = ['a', 'b'].map((Owner) => ({ LeaseKey, Epoch: 0, Change: { Owner, Epoch: 1 } }))
    const { Results } = await harness.call(UpdateLeases, { ApplicationName, Updates })
    expect(Results.map(({ Outcome, Lease }) => [Outcome, Lease?.Owner])).toEqual([
      ['UPDATED', 'a'],
      ['CONFLICT', 'a'],
    ])
  })

  it('leaves what it does not name, and takes away what it says', async () => {
    await using harness = await ServiceHarness.open()
    const full = lease(0, {
      Owner: 'a',
      Heir: 'b',
      Pending: { Checkpoint: { SequenceNumber: '5', SubSequenceNumber: 1 }, State: Uint8Array.of(1, 2, 255) },
      StartTimestamp: 1_700_000_000_123,
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '7' },
      LoadBytesPerSecond: 9,
    })
    await harness.call(CreateLeases, { ApplicationName, Leases: [full] })
    const [stored] = (await beat(harness, 'a')).Leases as [ServiceLease]
    expect({ ...stored, Pending: { ...stored.Pending, State: [...(stored.Pending?.State ?? [])] } }).toEqual({
      ...full,
      Pending: { ...full.Pending, State: [1, 2, 255] },
      Version: expect.any(Number) as number,
    })
    const Cleared = ['Owner', 'Heir', 'Pending', 'StartTimestamp', 'HashKeyRange', 'LoadBytesPerSecond'] as const
    const { Lease } = await update(harness, stored, { Cleared, Epoch: 3 })
    expect(Lease).toEqual({ ...lease(0), Epoch: 3, Version: Lease?.Version })
  })

  it('of one that is gone says so', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 1) })
    const [created] = (await beat(harness, 'a')).Leases as [ServiceLease]
    await harness.call(RemoveLeases, { ApplicationName, Leases: [created] })
    expect(await update(harness, created, { Paused: true })).toEqual({ Outcome: 'GONE' })
  })

  it('of a hundred costs one change of the metadata', async () => {
    let calls = 0
    const wrap = (engine: Engine): Engine => {
      const { meta } = engine
      return { ...engine, meta: metaWith(meta, { cas: (...args) => (calls++, meta.cas(...args)) }) }
    }
    await using harness = await ServiceHarness.open({ wrap })
    await beat(harness, 'a')
    calls = 0
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 100) })
    expect(calls).toBe(1)
    const { Leases } = await beat(harness, 'a')
    const Updates = Leases.map(({ LeaseKey, Epoch }) => ({ LeaseKey, Epoch, Change: { Owner: 'a' } }))
    const { Results } = await harness.call(UpdateLeases, { ApplicationName, Updates })
    expect(new Set(Results.map(({ Outcome }) => Outcome))).toEqual(new Set(['UPDATED']))
    expect(calls).toBe(2)
  })
})

describe('an application', () => {
  it('is there from its first beat on, and is listed and described', async () => {
    await using harness = await ServiceHarness.open()
    expect(await harness.fault(DescribeApplication, { ApplicationName })).toBe(
      'ResourceNotFoundException: Application orders under account 123456789012 not found.',
    )
    expect(await harness.fault(UpdateLeases, { ApplicationName, Updates: [] })).toContain('ResourceNotFoundException')
    await beat(harness, 'a')
    for (const name of ['b', 'a', 'c'])
      await harness.call(BeatSession, { ApplicationName: name, Worker: 'w', TtlMs: TTL_MS })
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 3) })
    const page = await harness.call(ListApplications, { Limit: 3 })
    expect(page.Applications.map(({ ApplicationName: name }) => name)).toEqual(['a', 'b', 'c'])
    expect(page.HasMoreApplications).toBe(true)
    expect(await harness.call(ListApplications, { ExclusiveStartApplicationName: 'c' })).toEqual({
      Applications: [
        {
          ApplicationName,
          ApplicationARN: 'arn:aws:millrace:us-east-1:123456789012:application/orders',
          CreationTimestamp: 1_700_000_000_000,
          LeaseCount: 3,
          WorkerCount: 1,
        },
      ],
      HasMoreApplications: false,
    })
    const first = await harness.call(DescribeApplication, { ApplicationName, Limit: 2 })
    expect([keysOf(first.Leases), first.HasMoreLeases]).toEqual([keysOf(leases(0, 2)), true])
    const rest = { ApplicationName, ExclusiveStartLeaseKey: first.Leases[1]?.LeaseKey }
    expect(await harness.call(DescribeApplication, rest)).toMatchObject({ Leases: [lease(2)], HasMoreLeases: false })
  })

  it('belongs to one account and region', async () => {
    await using harness = await ServiceHarness.open()
    await beat(harness, 'a')
    for (const other of [{ account: '999999999999' }, { region: 'eu-west-1' }]) {
      expect(await harness.fault(DescribeApplication, { ApplicationName }, other)).toContain('not found')
      expect((await harness.call(ListApplications, {}, other)).Applications).toEqual([])
    }
  })

  it('is deleted with its leases, while workers live only by force', async () => {
    await using harness = await ServiceHarness.open()
    await beat(harness, 'a')
    await harness.call(CreateLeases, { ApplicationName, Leases: leases(0, 100) })
    const Cursor = await caughtUp(harness, 'a')
    expect(await harness.fault(DeleteApplication, { ApplicationName })).toBe(
      'ResourceInUseException: Application orders under account 123456789012 has 1 live worker. ' +
        'Stop them first, or delete it with Force.',
    )
    await harness.call(DeleteApplication, { ApplicationName, Force: true })
    expect((await harness.call(ListApplications, {})).Applications).toEqual([])
    expect(await harness.memory.meta.list('applications/')).toEqual([])
    expect(await beat(harness, 'a', { Cursor })).toMatchObject({ IsComplete: true, Leases: [] })
    await harness.call(LeaveSession, { ApplicationName, Worker: 'a' })
    await harness.call(DeleteApplication, { ApplicationName })
  })

  it('has at most twenty thousand leases, and an account two hundred applications', async () => {
    await using harness = await ServiceHarness.open()
    for (let i = 0; i < LEASES_PER_APPLICATION_MAX; i += 100)
      await harness.call(CreateLeases, { ApplicationName, Leases: leases(i, 100) })
    const more = leases(LEASES_PER_APPLICATION_MAX - 1, 2)
    expect(await harness.fault(CreateLeases, { ApplicationName, Leases: more })).toContain('Limit: 20000.')
    await harness.call(CreateLeases, { ApplicationName, Leases: more.slice(0, 1) })
    for (let i = 1; i < 200; i++)
      await harness.call(BeatSession, { ApplicationName: `app-${i}`, Worker: 'w', TtlMs: TTL_MS })
    const one = { ApplicationName: 'one-more', Worker: 'w', TtlMs: TTL_MS }
    expect(await harness.fault(BeatSession, one)).toContain('LimitExceededException')
    await harness.call(BeatSession, { ...one, ApplicationName: 'app-1' })
  })

  it('has no more when many are made at once', async () => {
    await using harness = await ServiceHarness.open()
    for (let i = 0; i < LEASES_PER_APPLICATION_MAX - 100; i += 100)
      await harness.call(CreateLeases, { ApplicationName, Leases: leases(i, 100) })
    const create = (Leases: ServiceNewLease[]) => harness.fault(CreateLeases, { ApplicationName, Leases })
    const [last = expect.unreachable(), other = expect.unreachable()] = leases(LEASES_PER_APPLICATION_MAX, 2)
    const rest = leases(LEASES_PER_APPLICATION_MAX - 99, 99)
    // The same of several workers counts once, and so does one that is named twice.
    const answers = await Promise.all([create(rest), create(rest), create([last, last]), create([other])])
    expect(answers).toEqual(['no error', 'no error', 'no error', expect.stringContaining('Limit: 20000.')])
    // All was given back.
    expect(await create([other])).toContain('Limit: 20000.')
    const { LeaseKey, Epoch } = last
    await harness.call(RemoveLeases, { ApplicationName, Leases: [{ LeaseKey, Epoch }] })
    expect(await create([other])).toBe('no error')

    const beats = await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        harness.fault(BeatSession, { ApplicationName: `app-${i % 250}`, Worker: 'w', TtlMs: TTL_MS }),
      ),
    )
    expect(beats.filter((fault) => fault === 'no error')).toHaveLength(2 * 199)
    const first = await harness.call(ListApplications, {})
    const ExclusiveStartApplicationName = first.Applications.at(-1)?.ApplicationName ?? expect.unreachable()
    const second = await harness.call(ListApplications, { ExclusiveStartApplicationName })
    expect(first.Applications.length + second.Applications.length).toBe(200)
    expect(second.HasMoreApplications).toBe(false)
  })
})

describe('two servers before one engine', () => {
  it('fence each other, and see what the other wrote', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    await using one = await ServiceHarness.open({ clock, memory })
    await using other = await ServiceHarness.open({ clock, memory, seed: 2 })
    await one.call(CreateLeases, { ApplicationName, Leases: leases(0, 50) })
    const { Leases } = await other.call(DescribeApplication, { ApplicationName })
    const take = (Owner: string) => ({
      ApplicationName,
      Updates: Leases.map(({ LeaseKey, Epoch }) => ({ LeaseKey, Epoch, Change: { Owner, Epoch: 1 } })),
    })
    const answers = await Promise.all([one.call(UpdateLeases, take('a')), other.call(UpdateLeases, take('b'))])
    const winners = Leases.map((_, i) => answers.map(({ Results }) => Results[i]?.Outcome).sort().join()) // prettier-ignore
    expect(new Set(winners)).toEqual(new Set(['CONFLICT,UPDATED']))
    const described = await Promise.all([one, other].map((each) => each.call(DescribeApplication, { ApplicationName })))
    expect(described[0]?.Leases).toEqual(described[1]?.Leases)
  })

  it('keep nobody waiting beyond its own deadline for an application that somebody else makes', async () => {
    await using harness = await ServiceHarness.open()
    const { meta } = harness.memory
    const cas = meta.cas.bind(meta)
    const isFast = deferred<void>()
    // A test that fails leaves nothing waiting.
    using _ = { [Symbol.dispose]: () => isFast.resolve() }
    vi.spyOn(meta, 'cas').mockImplementation((...args) => isFast.promise.then(() => cas(...args)))
    const maker = beat(harness, 'a')
    await idle()
    let refused = ''
    const context = { deadlineMs: harness.clock.monotonic() + 1_000 }
    const waiter = harness
      .fault(BeatSession, { ApplicationName, Worker: 'b', TtlMs: TTL_MS }, context)
      .then((fault) => (refused = fault))
    await harness.advance(1_000)
    expect(refused).toMatch(/^InternalFailure/)
    isFast.resolve()
    await Promise.all([maker, waiter])
  })

  it('settle a change that the watch has not told of yet', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    await using one = await ServiceHarness.open({ clock, memory })
    await one.call(CreateLeases, { ApplicationName, Leases: leases(0, 2) })
    await using other = await ServiceHarness.open({ clock, memory, seed: 2, wrap: deafEngine })
    const [first, second] = (await one.call(DescribeApplication, { ApplicationName })).Leases as [
      ServiceLease,
      ServiceLease,
    ]
    const { Lease } = await update(one, first, { Owner: 'a', Epoch: 1 })
    // It takes the old term for the present one, and the engine knows better.
    expect(await update(other, first, { Owner: 'b', Epoch: 1 })).toEqual({ Outcome: 'CONFLICT', Lease })
    await one.call(RemoveLeases, { ApplicationName, Leases: [second] })
    expect(await update(other, second, { Owner: 'b', Epoch: 1 })).toEqual({ Outcome: 'GONE' })
    // It has never heard of this term, and asks.
    const again = await update(one, Lease as ServiceLease, { Heir: 'b', Epoch: 2 })
    expect(await update(other, again.Lease as ServiceLease, { Paused: true })).toMatchObject({
      Outcome: 'UPDATED',
      Lease: { Owner: 'a', Heir: 'b', Paused: true },
    })
  })
})
