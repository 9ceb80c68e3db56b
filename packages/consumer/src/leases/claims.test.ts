import { describe, expect, it } from 'vitest'
import { Claims } from './claims.ts'
import type { Suitability } from './coordinator-options.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import { LeaseTable } from './lease-table.ts'

describe('Claims', () => {
  function setUp(owner?: string) {
    const table = new LeaseTable()
    const lease = { ...newLeaseOf('shardId-000000000000'), version: 1, owner }
    const workers = [{ worker: 'a', capacity: 1 }]
    table.apply({ isComplete: true, leases: [lease], removed: [], workers, cursor: '1' })
    const asked = { times: 0, answer: 'no' as Suitability }
    const suits = (): Suitability => (asked.times++, asked.answer)
    const claims = new Claims(table, { worker: 'a', balance: 'count', leasesMax: Infinity, ttlMs: 1_000, suits })
    return { claims, asked }
  }
  const none = new Map<string, never>()

  it('looks through leases that do not suit once, not again and again', () => {
    const { claims, asked } = setUp()
    expect(claims.updates(none, 0)).toEqual([])
    const before = asked.times
    for (let ms = 1_000; ms < 60_000; ms += 1_000) expect(claims.updates(none, ms)).toEqual([])
    expect(asked.times).toBe(before)
    asked.answer = 'yes'
    claims.again()
    expect(claims.updates(none, 60_000)).toHaveLength(1)
  })

  it('neither begins nor gives up its own before it knows whether they suit', () => {
    const { claims, asked } = setUp('a')
    asked.answer = 'unknown'
    expect([claims.updates(none, 0), claims.toBegin(none)]).toEqual([[], []])
    asked.answer = 'yes'
    expect(claims.toBegin(none)).toHaveLength(1)
  })
})
