import { hashKeyOf } from '@millrace/protocol'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { WriteTraffic } from './write-traffic.ts'

const record = (key: string | undefined, explicitHash?: bigint) => ({ key, explicitHash, size: 10 })

describe('what was written to a shard', () => {
  it('is counted from one taking to the next, each shard for itself', () => {
    const traffic = new WriteTraffic(seededRandom(1))
    traffic.count(1, record('a'))
    traffic.count(2, record('b', 7n))
    traffic.count(2, record(undefined))
    const taken = traffic.take()
    expect(taken.get(1)).toMatchObject({ bytes: 10, records: 1, hashKeys: [hashKeyOf('a')] })
    expect(taken.get(2)).toMatchObject({ bytes: 20, records: 2 })
    expect(taken.get(2)?.hashKeys[0]).toBe(7n)
    expect(traffic.take().size).toBe(0)
  })

  it('is sampled evenly, by a bounded number of keys, also where keys come in turns', () => {
    const traffic = new WriteTraffic(seededRandom(2))
    const sums = [0, 0, 0, 0]
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 5_000; i++) traffic.count(1, record('k', BigInt(i % 4)))
      const { hashKeys = [] } = traffic.take().get(1) ?? {}
      expect(hashKeys.length).toBeGreaterThanOrEqual(32)
      expect(hashKeys.length).toBeLessThanOrEqual(64)
      for (const key of hashKeys) sums[Number(key)] = (sums[Number(key)] ?? 0) + 1
    }
    const total = sums.reduce((sum, count) => sum + count, 0)
    for (const count of sums) expect(count / total).toBeCloseTo(0.25, 1)
  })
})
