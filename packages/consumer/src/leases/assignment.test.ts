import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign } from './assignment.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import type { Lease } from './lease.ts'
import type { LiveWorker } from './lease-store.ts'

const options = { balance: 'count', leasesMax: Infinity } as const

function lease(i: number, more: Partial<Lease> = {}): Lease {
  return { ...newLeaseOf(`shardId-${String(i).padStart(12, '0')}`), version: 1, ...more }
}

/** What the table is when every worker has done its part, owners handing over at once. */
function settledTable(leases: readonly Lease[], workers: readonly LiveWorker[], balance: 'count' | 'load' = 'count') {
  const next = new Map(leases.map((one) => [one.key, one]))
  for (const { worker } of workers) {
    const { take, ask } = assign(leases, workers, { ...options, balance, worker })
    for (const { key } of [...take, ...ask]) {
      const owner = next.get(key)?.owner
      // Everybody computes the same: nothing falls to two.
      expect(owner === undefined || owner === leases.find((one) => one.key === key)?.owner).toBe(true)
      next.set(key, { ...(next.get(key) as Lease), owner: worker })
    }
  }
  return [...next.values()]
}

const tables = fc.record({
  workers: fc.uniqueArray(fc.stringMatching(/^[a-f]{1,3}$/), { minLength: 1, maxLength: 8 }),
  owners: fc.array(fc.option(fc.stringMatching(/^[a-f]{1,3}$/), { nil: undefined }), { maxLength: 60 }),
  loads: fc.array(fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined }), {
    minLength: 60,
    maxLength: 60,
  }),
})

describe('an assignment', () => {
  it('gives every lease to one living worker, evenly, in one round', () => {
    fc.assert(
      fc.property(tables, ({ workers: names, owners }) => {
        const workers = names.map((worker) => ({ worker, capacity: 1 }))
        const after = settledTable(owners.map((owner, i) => lease(i, { owner })), workers) // prettier-ignore
        const counts = names.map((name) => after.filter(({ owner }) => owner === name).length)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(owners.length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        // And that is the end of it.
        for (const worker of names)
          expect(assign(after, workers, { ...options, worker })).toEqual({ take: [], ask: [], owed: [] })
      }),
      { numRuns: 200 },
    )
  })

  it('by load comes to rest in two rounds, with nobody above the others by more than the least of their leases', () => {
    fc.assert(
      fc.property(tables, ({ workers: names, owners, loads }) => {
        const workers = names.map((worker) => ({ worker, capacity: 1 }))
        let after: readonly Lease[] = owners.map((owner, i) => lease(i, { owner, loadKiBps: loads[i] }))
        after = settledTable(after, workers, 'load')
        for (const worker of names)
          expect(assign(after, workers, { ...options, balance: 'load', worker }).take).toEqual([])
        // What was nobody's is placed in the first round, and may be moved in the second.
        after = settledTable(after, workers, 'load')
        for (const worker of names)
          expect(assign(after, workers, { ...options, balance: 'load', worker })).toEqual({
            take: [],
            ask: [],
            owed: [],
          })

        const known = after.map(({ loadKiBps }) => loadKiBps).filter((load) => load !== undefined)
        const average = known.reduce((sum, load) => sum + load, 0) / Math.max(1, known.length)
        const costs = names.map((name) =>
          after
            .filter(({ owner }) => owner === name)
            .map(({ loadKiBps = average }) => (average === 0 ? 1 : 0.5 + (0.5 * loadKiBps) / average)),
        )
        const sums = costs.map((some) => some.reduce((sum, cost) => sum + cost, 0))
        for (const [i, sum] of sums.entries())
          expect(sum - Math.min(...sums)).toBeLessThan(Math.min(...(costs[i] as number[]), Infinity) + 0.11)
      }),
      { numRuns: 100 },
    )
  })

  it('gives nothing of others to who does not ask, and says as long as it would', () => {
    const owned = Array.from({ length: 12 }, (_, i) => lease(i, { owner: 'a' }))
    const workers = ['a', 'b', 'c'].map((worker) => ({ worker, capacity: 1 }))
    const silent = { ...options, worker: 'c', isSilent: (worker: string) => worker === 'b' }
    const { ask, owed } = assign(owned, workers, silent)
    expect([ask.length, owed]).toEqual([6, ['b']])
    const level = owned.map((one, i) => ({ ...one, owner: ['a', 'b', 'c'][i % 3] }))
    expect(assign(level, workers, silent)).toEqual({ take: [], ask: [], owed: [] })
  })

  it('moves no more than it must', () => {
    const owned = Array.from({ length: 12 }, (_, i) => lease(i, { owner: i % 2 === 0 ? 'a' : 'b' }))
    const workers = ['a', 'b', 'c'].map((worker) => ({ worker, capacity: 1 }))
    expect(assign(owned, workers, { ...options, worker: 'a' })).toEqual({ take: [], ask: [], owed: ['c'] })
    expect(assign(owned, workers, { ...options, worker: 'c' }).ask).toHaveLength(4)
  })

  it('goes by capacity, and gives nothing to a worker that stops', () => {
    const leases = Array.from({ length: 9 }, (_, i) => lease(i))
    const workers = [
      { worker: 'big', capacity: 2 },
      { worker: 'small', capacity: 1 },
      { worker: 'stopping', capacity: 0 },
    ]
    const taken = workers.map(({ worker }) => assign(leases, workers, { ...options, worker }).take.length)
    expect(taken).toEqual([6, 3, 0])
    const owned = leases.map((one) => ({ ...one, owner: 'stopping' }))
    const asked = workers.map(({ worker }) => assign(owned, workers, { ...options, worker }).ask.length)
    expect(asked).toEqual([6, 3, 0])
  })

  it('takes no more than its most, and leaves the rest visible as nobody’s', () => {
    const leases = Array.from({ length: 9 }, (_, i) => lease(i))
    const workers = [{ worker: 'a', capacity: 1 }]
    expect(assign(leases, workers, { ...options, leasesMax: 4, worker: 'a' }).take).toHaveLength(4)
  })

  it.each(['count', 'load'] as const)(
    'reads each lease a few times, however many one worker has to give, by %s',
    (balance) => {
      const workers = Array.from({ length: 40 }, (_, i) => ({ worker: `worker-${i}`, capacity: 1 }))
      let reads = 0
      const leases = Array.from({ length: 2_000 }, (_, i) => {
        const one = lease(i, { owner: 'worker-0', loadKiBps: i % 17 })
        return new Proxy(one, { get: (of, name) => (reads++, Reflect.get(of, name)) })
      })
      expect(assign(leases, workers, { ...options, balance, worker: 'worker-1' }).ask.length).toBeGreaterThan(40)
      expect(reads).toBeLessThan(20 * leases.length)
    },
  )

  it('asks for what it may have of a worker that has more, and never for the rest, which weighs there', () => {
    // Keys that differ in their ends only lie close together in the order of moves.
    const of = (stream: string, count: number) =>
      Array.from({ length: count }, (_, i) => lease(i, { key: `${stream}:1:shardId-${i}`, stream, owner: 'y' }))
    const workers = ['x', 'y'].map((worker) => ({ worker, capacity: 1 }))
    const asked = (leases: readonly Lease[], stream: string) => {
      const isDeclined = (one: Lease) => one.stream !== stream
      return assign(leases, workers, { ...options, worker: 'x', isDeclined }).ask.map((one) => one.stream)
    }
    for (const [orders, bills] of [
      [8, 8],
      [5, 20],
      [20, 5],
    ] as const) {
      // prettier-ignore
      const leases = [...of('orders', orders), ...of('bills', bills)]
      const half = Math.floor((orders + bills) / 2)
      expect(asked(leases, 'orders')).toEqual(Array(Math.min(orders, half)).fill('orders'))
      expect(asked(leases, 'bills')).toEqual(Array(Math.min(bills, half)).fill('bills'))
    }
  })

  it('lets twice as many workers take a free lease each time that it was let pass', () => {
    const workers = Array.from({ length: 6 }, (_, i) => ({ worker: `worker-${i}`, capacity: 1 }))
    const takers = (passes: number) =>
      workers.filter(
        ({ worker }) => assign([lease(0)], workers, { ...options, worker, passes: () => passes }).take.length,
      )
    expect([0, 1, 2, 3, 2_000].map((passes) => takers(passes).length)).toEqual([1, 2, 4, 6, 6])
  })

  it('does not ask twice, and counts what is on its way', () => {
    const workers = ['a', 'b'].map((worker) => ({ worker, capacity: 1 }))
    const owned = Array.from({ length: 4 }, (_, i) => lease(i, { owner: 'a', ...(i < 2 ? { heir: 'b' } : {}) }))
    expect(assign(owned, workers, { ...options, worker: 'b' })).toEqual({ take: [], ask: [], owed: [] })
  })
})
