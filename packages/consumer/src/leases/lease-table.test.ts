import { describe, expect, it } from 'vitest'
import { newLeaseOf } from './lease-store.contract.ts'
import type { LeaseNews } from './lease-store.ts'
import { LeaseTable } from './lease-table.ts'
import type { Lease } from './lease.ts'

const shardId = 'shardId-000000000000'
const lease = (version: number, epoch: number): Lease => ({ ...newLeaseOf(shardId, { epoch }), version })
const news = (...leases: readonly Lease[]): LeaseNews => ({
  cursor: '1',
  isComplete: false,
  leases,
  removed: [],
  workers: [],
})

describe('LeaseTable', () => {
  it('takes a lease that was made again for what it is, whatever its version', () => {
    const table = new LeaseTable()
    table.apply(news(lease(7, 3)))
    table.asking()
    table.apply(news(lease(1, 0)))
    expect([...table.leases()]).toMatchObject([{ epoch: 0, version: 1 }])
  })

  it('keeps what an update answered after the beat was sent, where that is younger', () => {
    const table = new LeaseTable()
    table.apply(news(lease(1, 0)))
    table.asking()
    table.put(lease(3, 1))
    table.apply(news(lease(2, 0)))
    expect([...table.leases()]).toMatchObject([{ epoch: 1, version: 3 }])
    table.asking()
    table.apply(news(lease(4, 2)))
    expect([...table.leases()]).toMatchObject([{ epoch: 2, version: 4 }])
  })
})
