import { getEventListeners } from 'node:events'
import { deferred, sleep } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { SHARD_END } from '../extended-sequence-number.ts'
import { FakeFleet } from '../testing/fake-fleet.ts'
import { LeaseLostError } from './held-lease.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import { LeaseStoreError } from './lease-store.ts'

const shards = (count: number) =>
  Array.from({ length: count }, (_, i) => newLeaseOf(`shardId-${String(i).padStart(12, '0')}`))
const never = new AbortController().signal
const place = (sequenceNumber: string) => ({ sequenceNumber, subSequenceNumber: 0 })

async function fleetOf(workers: number, leases = shards(16)): Promise<FakeFleet> {
  const fleet = new FakeFleet()
  await fleet.create(leases)
  for (let i = 0; i < workers; i++) fleet.add(`worker-${i}`)
  await fleet.pass(5_000)
  return fleet
}

const counts = (fleet: FakeFleet) => fleet.workers.map(({ held }) => held.size)

describe('lease coordinators', () => {
  it('of one worker take everything', async () => {
    expect(counts(await fleetOf(1))).toEqual([16])
  })

  it.each(['count', 'load'] as const)(
    'make no idle worker call for what others are delivered, by %s',
    async (balance) => {
      const fleet = new FakeFleet()
      await fleet.create(shards(50))
      const [busy, idle] = [fleet.add('busy', { balance }), fleet.add('idle', { balance, leasesMax: 0 })]
      await fleet.pass(5_000)
      const calls = idle.calls
      for (let tenth = 0; tenth < 300; tenth++) {
        for (const [i, held] of [...busy.held.values()].entries()) {
          if (tenth % 60 !== i) continue
          held.delivered(tenth < 60 || tenth >= 120 ? 2 ** 20 : 2 ** 24)
          void held.checkpoint(place(String(10 ** 9 + tenth)))
        }
        await fleet.pass(100)
      }
      expect(idle.calls - calls).toBeLessThanOrEqual(31)
      const told = [...idle.coordinator.table.leases()].filter(({ loadKiBps }) => loadKiBps !== undefined)
      expect(told).toHaveLength(balance === 'load' ? 50 : 0)
    },
  )

  it('tell that a shard became silent, which has no checkpoints any more', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    const worker = fleet.add('worker-0', { balance: 'load' })
    await fleet.pass(5_000)
    const [held] = [...worker.held.values()]
    held?.delivered(2 ** 20)
    await held?.checkpoint(place('1'))
    const load = async () => (await fleet.stored())[0]?.loadKiBps
    expect(await load()).toBeGreaterThan(100)
    await fleet.pass(120_000)
    expect(await load()).toBeLessThanOrEqual(2)
    const calls = worker.calls
    await fleet.pass(30_000)
    expect(worker.calls - calls).toBeLessThanOrEqual(31)
  })

  it('share evenly, each shard once', async () => {
    const fleet = await fleetOf(5, shards(17))
    expect(counts(fleet).toSorted()).toEqual([3, 3, 3, 4, 4])
    expect(new Set(fleet.workers.flatMap(({ shards: held }) => held)).size).toBe(17)
  })

  it('hand over to a worker that joins, within a second', async () => {
    const fleet = await fleetOf(2)
    fleet.add('worker-2')
    expect(await fleet.until(() => counts(fleet)[2] === 5)).toBeLessThan(1_000)
    await fleet.pass(2_000)
    expect(counts(fleet).toSorted()).toEqual([5, 5, 6])
  })

  it('take over from a worker that crashed, within five seconds', async () => {
    const fleet = await fleetOf(3)
    fleet.workers[1]?.coordinator.abandon()
    const tookMs = await fleet.until(() => (counts(fleet)[0] ?? 0) + (counts(fleet)[2] ?? 0) === 16)
    expect(tookMs).toBeLessThan(5_000)
  })

  it('take over at once from a worker that stops', async () => {
    const fleet = await fleetOf(3)
    const stopped = fleet.workers[1]?.coordinator.stop(10_000)
    expect(await fleet.until(() => (counts(fleet)[0] ?? 0) + (counts(fleet)[2] ?? 0) === 16)).toBeLessThan(1_000)
    await stopped
    expect(counts(fleet)[1]).toBe(0)
  })

  it('lose their leases before the store lets others have them, when the store is not reached', async () => {
    const fleet = await fleetOf(2)
    const [cut, other] = fleet.workers
    if (cut === undefined || other === undefined) throw new Error('two workers')
    const held = [...cut.held.values()]
    cut.trouble = new LeaseStoreError('unavailable', 'not today')
    await fleet.until(() => cut.held.size === 0)
    expect(other.held.size).toBe(8)
    await fleet.until(() => other.held.size === 16)
    cut.trouble = undefined
    for (const one of held) await expect(one.checkpoint(place('1'))).rejects.toThrow(LeaseLostError)
    await fleet.until(() => cut.held.size === 8 && other.held.size === 8)
  })

  it('begin a shard again in a new term: what is under way of the consumer before is refused', async () => {
    const fleet = await fleetOf(1, shards(1))
    const [worker] = fleet.workers
    const before = worker?.held.get('shardId-000000000000')
    if (worker === undefined || before === undefined) throw new Error('a worker with a lease')
    const { key, epoch } = before.lease
    worker.trouble = new LeaseStoreError('unavailable', 'not today')
    await fleet.until(() => worker.held.size === 0)
    worker.trouble = undefined
    await fleet.until(() => worker.held.size === 1, 5_000)
    expect(worker.held.get('shardId-000000000000')?.lease).toMatchObject({ owner: 'worker-0', epoch: epoch + 1 })
    await fleet.change('shardId-000000000000', () => ({ checkpoint: place('8') }))
    const late = { key, epoch, change: { checkpoint: place('3') } }
    expect(await worker.store.update([late], never)).toMatchObject([{ outcome: 'conflict' }])
    expect(await fleet.stored()).toMatchObject([{ checkpoint: place('8') }])
  })

  it('begin what is resumed in a new term', async () => {
    const fleet = await fleetOf(1, shards(1))
    const before = fleet.workers[0]?.held.get('shardId-000000000000')?.lease.epoch ?? 0
    await fleet.change('shardId-000000000000', () => ({ paused: true }))
    await fleet.until(() => fleet.workers[0]?.held.size === 0, 1_000)
    await fleet.change('shardId-000000000000', () => ({ paused: false }))
    await fleet.until(() => fleet.workers[0]?.held.size === 1, 2_000)
    expect(fleet.workers[0]?.held.get('shardId-000000000000')?.lease.epoch).toBe(before + 1)
  })

  it('keep their sessions beside a store that does not answer changes, and take what is to be taken when it does', async () => {
    const fleet = await fleetOf(1, shards(1))
    const [worker] = fleet.workers
    const [before] = worker?.held.values() ?? []
    if (worker === undefined || before === undefined) throw new Error('a worker with a lease')
    worker.isUpdateMute = true
    await fleet.create(shards(2))
    await fleet.pass(20_000)
    expect(before.lost.aborted).toBe(false)
    worker.isUpdateMute = false
    await fleet.until(() => worker.held.size === 2, 5_000)
  })

  it('end with what the store refuses for good, also when it is no beat', async () => {
    const fleet = await fleetOf(1, shards(1))
    const [worker] = fleet.workers
    if (worker === undefined) throw new Error('a worker')
    worker.store.update = () => Promise.reject(new LeaseStoreError('denied', 'never'))
    await fleet.create(shards(2))
    await fleet.until(() => worker.held.size === 0, 5_000)
    await expect(worker.done).rejects.toThrow('never')
  })

  it('end by an error where the store has not answered once for a minute, and wait for ever where it has', async () => {
    const fleet = new FakeFleet()
    const trouble = new LeaseStoreError('unavailable', 'connection refused')
    const silent = { ...fleet.leases.open(), beat: () => Promise.reject(trouble) }
    const [stray, other] = [fleet.add('stray', { store: silent }), fleet.add('other')]
    const ends: string[] = []
    for (const worker of [stray, other]) worker.done.catch((error: Error) => ends.push(error.message))
    await fleet.pass(55_000)
    expect(ends).toEqual([])
    other.trouble = trouble
    await fleet.pass(600_000)
    expect(ends).toEqual([expect.stringMatching(/not answered since the worker began, 60 s ago: connection refused/)])
  })

  it('read everything again with the beat after one that failed', async () => {
    const fleet = await fleetOf(1, shards(1))
    const [worker] = fleet.workers
    if (worker === undefined) throw new Error('a worker')
    await fleet.change('shardId-000000000000', () => ({ checkpoint: place('9') }))
    worker.trouble = new LeaseStoreError('unavailable', 'not today')
    worker.coordinator.refresh()
    const { calls } = worker
    await fleet.until(() => worker.calls > calls)
    worker.trouble = undefined
    await fleet.pass(1_000)
    expect([...worker.coordinator.table.leases()]).toMatchObject([{ checkpoint: place('9') }])
  })

  it('call no store any more when they have stopped, also one that is away', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(2))
    const worker = fleet.add('worker-0', { consume: () => new Promise<never>(() => {}) })
    await fleet.pass(2_000)
    worker.trouble = new LeaseStoreError('unavailable', 'not today')
    const stopped = worker.coordinator.stop(1_000)
    await fleet.pass(10_000)
    await stopped
    const { calls } = worker
    await fleet.pass(60_000)
    expect(worker.calls).toBe(calls)
  })

  it('stop although the store fails at it in whatever way, and tell', async () => {
    const fleet = new FakeFleet()
    const told: unknown[] = []
    const worker = fleet.add('worker-0', { onLeaveFailure: (error) => told.push(error) })
    await fleet.pass(2_000)
    const bug = new TypeError('a bug')
    worker.store.leave = () => Promise.reject(bug)
    await worker.coordinator.stop(1_000)
    expect(told).toEqual([bug])
  })

  it('call the store once a second when nothing happens', async () => {
    const fleet = await fleetOf(10, shards(100))
    const before = fleet.workers.map(({ calls }) => calls)
    await fleet.pass(60_000)
    for (const [i, { calls }] of fleet.workers.entries()) expect(calls - (before[i] ?? 0)).toBeLessThanOrEqual(61)
  })

  it('are not woken by the checkpoints of others', async () => {
    const fleet = await fleetOf(2)
    const [a, b] = fleet.workers
    const before = b?.calls ?? 0
    for (let second = 0; second < 10; second++) {
      for (const held of a?.held.values() ?? []) await held.checkpoint(place(String(second + 1)))
      await fleet.pass(1_000)
    }
    expect((b?.calls ?? 0) - before).toBeLessThanOrEqual(11)
  })

  it('begin a shard when its parents are at their ends', async () => {
    const [left, right] = shards(2)
    if (left === undefined || right === undefined) throw new Error('two leases')
    const child = newLeaseOf('shardId-000000000002', { parents: [left.shardId, right.shardId] })
    const fleet = await fleetOf(1, [child, left, right])
    const [worker] = fleet.workers
    expect(worker?.shards).toEqual([left.shardId, right.shardId])
    await worker?.held.get(left.shardId)?.end([])
    await fleet.pass(3_000)
    expect(worker?.shards).toEqual([right.shardId])
    await worker?.held.get(right.shardId)?.end([])
    await fleet.until(() => worker?.shards.join() === child.shardId)
    expect((await fleet.stored()).filter(({ checkpoint }) => checkpoint.sequenceNumber === SHARD_END.sequenceNumber)).toHaveLength(2) // prettier-ignore
  })

  it('lose no shard by their own end of it, when the news come before the answer', async () => {
    const fleet = await fleetOf(1, shards(1))
    const [worker] = fleet.workers
    const held = worker?.held.get('shardId-000000000000')
    if (worker === undefined || held === undefined) throw new Error('a worker with a lease')
    const { update } = worker.store
    worker.store.update = async (...args) => {
      const results = await update(...args)
      await sleep(fleet.clock, 500)
      return results
    }
    const ended = held.end([])
    await fleet.pass(400)
    expect(await fleet.stored()).toMatchObject([{ checkpoint: SHARD_END }])
    expect(held.lost.aborted).toBe(false)
    await fleet.pass(400)
    await ended
  })

  it('begin nothing after they have ended by an error, also what they were about to take, and leave', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    const worker = fleet.add('worker-0')
    const gate = deferred<void>()
    const { update, beat } = worker.store
    let isTaking = false
    worker.store.update = async (...args) => {
      isTaking = true
      await gate.promise
      return update(...args)
    }
    await fleet.until(() => isTaking)
    let isRefused = true
    worker.store.beat = (...args) =>
      isRefused ? Promise.reject(new LeaseStoreError('denied', 'not any more')) : beat(...args)
    const rejected = expect(worker.done).rejects.toThrow('not any more')
    await fleet.pass(1_200)
    isRefused = false
    await rejected
    gate.resolve()
    const other = fleet.add('worker-1')
    expect(await fleet.until(() => other.held.size === 1)).toBeLessThan(1_000)
    expect(worker.held.size).toBe(0)
  })

  it('leave nothing at the signals of a lease, however often it is checkpointed', async () => {
    const fleet = await fleetOf(1, shards(1))
    const held = fleet.workers[0]?.held.get('shardId-000000000000')
    if (held === undefined) throw new Error('a lease')
    const before = getEventListeners(held.lost, 'abort').length
    for (let i = 1; i <= 100; i++) await held.checkpoint(place(String(i)))
    expect(getEventListeners(held.lost, 'abort')).toHaveLength(before)
  })

  it('change many leases at once without a warning of too many listeners', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', onWarning)
    const fleet = await fleetOf(1)
    await Promise.all([...(fleet.workers[0]?.held.values() ?? [])].map((held) => held.checkpoint(place('1'))))
    await fleet.pass(100)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  it('make the leases of children before the end is written', async () => {
    const fleet = await fleetOf(1, shards(1))
    const held = fleet.workers[0]?.held.get('shardId-000000000000')
    const range = { StartingHashKey: '0', EndingHashKey: '9' }
    await held?.end([{ ShardId: 'shardId-000000000001', ParentShards: ['shardId-000000000000'], HashKeyRange: range }])
    expect(await fleet.stored()).toMatchObject([
      { checkpoint: SHARD_END, children: ['shardId-000000000001'] },
      {
        shardId: 'shardId-000000000001',
        parents: ['shardId-000000000000'],
        hashKeyRange: { starting: '0', ending: '9' },
      },
    ])
  })

  it('have not lost what they brought to its end, whether its answer or the news of it come first, or neither', async () => {
    for (const answer of ['late', 'lost'] as const) {
      const fleet = await fleetOf(1, shards(1))
      const [worker] = fleet.workers
      const held = worker?.held.get('shardId-000000000000')
      if (worker === undefined || held === undefined) throw new Error('a worker with a lease')
      const { update } = worker.store
      let calls = 0
      worker.store.update = async (updates, signal) => {
        const results = await update(updates, signal)
        if (calls++ > 0) return results
        await sleep(fleet.clock, 500)
        if (answer === 'lost') throw new LeaseStoreError('unavailable', 'the answer is lost')
        return results
      }
      const ended = held.end([])
      await fleet.pass(400)
      expect([answer, held.lost.aborted]).toEqual([answer, false])
      await fleet.pass(10_000)
      await ended
      expect([answer, held.lost.aborted]).toEqual([answer, false])
    }
  })

  it('leave the lease of a merged shard to the end of its other parent, whose own may not be made yet', async () => {
    const fleet = await fleetOf(1, shards(2))
    const held = fleet.workers[0]?.held.get('shardId-000000000000')
    const range = { StartingHashKey: '0', EndingHashKey: '9' }
    const merged = { ShardId: 'shardId-000000000003', HashKeyRange: range }
    await held?.end([{ ...merged, ParentShards: ['shardId-000000000000', 'shardId-000000000002'] }])
    expect((await fleet.stored()).map(({ shardId }) => shardId)).not.toContain(merged.ShardId)
    const other = fleet.workers[0]?.held.get('shardId-000000000001')
    await other?.end([{ ...merged, ParentShards: ['shardId-000000000000', 'shardId-000000000001'] }])
    expect((await fleet.stored()).map(({ shardId }) => shardId)).toContain(merged.ShardId)
  })

  it('refuse the checkpoint of a lease that somebody else has', async () => {
    const fleet = await fleetOf(1, shards(1))
    const held = fleet.workers[0]?.held.get('shardId-000000000000')
    await fleet.change('shardId-000000000000', ({ epoch }) => ({ owner: 'foreign', epoch: epoch + 1 }))
    await expect(held?.checkpoint(place('7'))).rejects.toThrow(/is foreign’s now/)
    expect(held?.lost.aborted).toBe(true)
  })

  it('begin again behind the stored checkpoint, where that is farther than one of theirs', async () => {
    const fleet = await fleetOf(1, shards(1))
    const before = fleet.workers[0]?.held.get('shardId-000000000000')
    await fleet.change('shardId-000000000000', () => ({ checkpoint: place('9') }))
    await expect(before?.checkpoint(place('7'))).rejects.toThrow(/checkpoint is farther/)
    await fleet.until(() => fleet.workers[0]?.held.size === 1, 2_000)
    expect(fleet.workers[0]?.held.get('shardId-000000000000')?.lease.checkpoint).toEqual(place('9'))
  })

  it('begin again where somebody seeks', async () => {
    const fleet = await fleetOf(1, shards(1))
    const before = fleet.workers[0]?.held.get('shardId-000000000000')
    await before?.checkpoint(place('100'))
    await fleet.change('shardId-000000000000', ({ epoch }) => ({ checkpoint: place('50'), epoch: epoch + 1 }))
    await fleet.until(() => {
      const now = fleet.workers[0]?.held.get('shardId-000000000000')
      return now !== undefined && now !== before
    }, 2_000)
    expect(fleet.workers[0]?.held.get('shardId-000000000000')?.lease.checkpoint).toEqual(place('50'))
    await expect(before?.checkpoint(place('101'))).rejects.toThrow(LeaseLostError)
  })

  it('leave a paused shard alone until it is resumed', async () => {
    const fleet = await fleetOf(1, shards(2))
    const [worker] = fleet.workers
    await fleet.change('shardId-000000000001', () => ({ paused: true }))
    await fleet.until(() => worker?.held.size === 1, 1_000)
    await fleet.pass(10_000)
    expect(worker?.shards).toEqual(['shardId-000000000000'])
    await fleet.change('shardId-000000000001', () => ({ paused: false }))
    await fleet.until(() => worker?.held.size === 2, 1_000)
  })

  it('pause what the failure policy ends', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    let runs = 0
    fleet.add('worker-0', {
      async consume() {
        runs++
        return 'failed'
      },
    })
    await fleet.pass(10_000)
    expect(runs).toBe(1)
    expect(await fleet.stored()).toMatchObject([{ paused: true, owner: 'worker-0' }])
  })

  it('hand over after a time although what is in hand is not finished', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(2))
    const slow: boolean[] = []
    fleet.add('slow', {
      handoverMs: 3_000,
      consume: (held) =>
        new Promise((resolve) => {
          held.lost.addEventListener('abort', () => {
            slow.push(true)
            resolve('lost')
          })
        }),
    })
    await fleet.pass(2_000)
    const quick = fleet.add('quick')
    expect(await fleet.until(() => quick.held.size === 1)).toBeGreaterThanOrEqual(3_000)
    expect(slow).toEqual([true])
  })

  it('stop although a shard never ends', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    const hanging = fleet.add('hanging', { consume: () => new Promise(() => {}) })
    const other = fleet.add('other', { leasesMax: 0 })
    await fleet.pass(2_000)
    const stopped = hanging.coordinator.stop(2_000)
    await fleet.pass(2_500)
    await stopped
    expect(await fleet.stored()).toMatchObject([{ epoch: 2 }])
    expect(other.held.size).toBe(0)
  })

  it('hand nothing over to a worker that wants nothing any more', async () => {
    const fleet = await fleetOf(1, shards(1))
    fleet.add('leaving', { capacity: 0 })
    await fleet.pass(1_500)
    const [before] = fleet.workers[0]?.held.values() ?? []
    await fleet.change('shardId-000000000000', () => ({ heir: 'leaving' }))
    await fleet.pass(5_000)
    expect(before?.release.aborted).toBe(false)
    expect(await fleet.stored()).toMatchObject([{ owner: 'worker-0', epoch: 1 }])
  })

  it('give back what they own and do not process when they stop', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(3))
    const consume = () => new Promise<never>(() => {})
    const stopping = fleet.add('stopping', { consume })
    await fleet.pass(2_000)
    fleet.add('full', { leasesMax: 0 })
    await fleet.change('shardId-000000000001', () => ({ paused: true }))
    await fleet.pass(2_000)
    const stopped = stopping.coordinator.stop(3_000)
    await fleet.pass(1_000)
    // It was asked for before, and comes now.
    await fleet.create([newLeaseOf('shardId-000000000009', { owner: 'stopping', epoch: 1 })])
    await fleet.pass(500)
    const handed = (await fleet.stored()).find(({ shardId }) => shardId === 'shardId-000000000009')
    expect(handed?.owner).toBeUndefined()
    await fleet.pass(5_000)
    await stopped
    for (const lease of await fleet.stored()) expect(lease.owner).toBeUndefined()
  })

  it('process no more than leasesMax, also of what is theirs already, and others take the rest', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(6).map((lease) => ({ ...lease, owner: 'small', epoch: 3 })))
    const small = fleet.add('small', { leasesMax: 1 })
    let most = 0
    const large = fleet.add('large')
    await fleet.until(() => {
      most = Math.max(most, small.held.size)
      return large.held.size === 5
    }, 20_000)
    await fleet.pass(20_000)
    expect([most, small.held.size, large.held.size]).toEqual([1, 1, 5])
  })

  it('count no paused lease as work', async () => {
    const fleet = await fleetOf(2, shards(4))
    const [a, b] = fleet.workers
    for (const shardId of a?.shards ?? []) await fleet.change(shardId, () => ({ paused: true }))
    await fleet.until(() => a?.held.size === 1 && b?.held.size === 1, 5_000)
  })

  it('try what they declined again at once where somebody has sought it elsewhere', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    const places: string[] = []
    fleet.add('only', {
      async consume({ lease }) {
        places.push(lease.checkpoint.sequenceNumber)
        return 'declined'
      },
    })
    await fleet.pass(5_000)
    await fleet.change('shardId-000000000000', ({ epoch }) => ({ checkpoint: place('8'), epoch: epoch + 1 }))
    await fleet.pass(2_000)
    expect(places).toEqual(['TRIM_HORIZON', '8'])
  })

  it('leave what they declined to others, and try it again later', async () => {
    const fleet = new FakeFleet()
    await fleet.create(shards(1))
    let runs = 0
    fleet.add('a-declines', {
      async consume() {
        runs++
        return 'declined'
      },
    })
    await fleet.pass(50_000)
    expect(runs).toBe(1)
    expect(await fleet.stored()).toMatchObject([{ owner: undefined, paused: false }])
    await fleet.pass(20_000)
    expect(runs).toBe(2)
    // Twice as long each time.
    await fleet.pass(100_000)
    expect(runs).toBe(2)
    await fleet.pass(30_000)
    expect(runs).toBe(3)
    const other = fleet.add('other')
    await fleet.until(() => other.held.size === 1, 10_000)
    await fleet.pass(100_000)
    expect([runs, other.held.size]).toEqual([3, 1])
  })
})
