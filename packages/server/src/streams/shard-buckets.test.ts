import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ShardBuckets } from './shard-buckets.ts'
import { AWS_SHARD_LIMITS } from './throughput.ts'

const KIB = 1024
const MIB = 1024 * KIB

function awsShard(): ShardBuckets {
  return new ShardBuckets(AWS_SHARD_LIMITS)
}

const times = (count: number, size: number): readonly number[] => Array.from({ length: count }, () => size)

describe('writing to a shard', () => {
  it.each([
    ['1,000 small records at once', times(1001, 10), 1000],
    ['1 MiB at once', times(11, 100 * KIB), 10],
    ['one record of exactly 1 MiB', [MIB, 1], 1],
    ['a record of 10 MiB, out of the reserve', [10 * MIB], 1],
    ['small records beside a large one', [10 * MIB, KIB, KIB], 3],
    ['not two large ones that exceed the reserve together', [6 * MIB, 6 * MIB], 1],
    ['not one beyond the reserve', [11 * MIB], 0],
    ['nothing after the first that does not fit, so that order is kept', [MIB, MIB, 1], 1],
  ])('takes %s', (_, sizes, admitted) => {
    expect(awsShard().admitWrites(1, sizes, 0)).toBe(admitted)
  })

  it('counts a lone record as a whole KB, and the records of one call together', () => {
    const single = awsShard()
    let alone = 0
    while (single.admitWrites(1, [1025], 0) === 1) alone++
    expect(alone).toBe(512)
    expect(awsShard().admitWrites(1, times(1000, 1025), 0)).toBe(1000)
  })

  it('fills up again in a second, and keeps shards apart', () => {
    const buckets = awsShard()
    expect(buckets.admitWrites(1, times(1000, 1), 0)).toBe(1000)
    expect(buckets.admitWrites(1, [1], 0)).toBe(0)
    expect(buckets.admitWrites(2, [1], 0)).toBe(1)
    expect(buckets.admitWrites(1, times(1000, 1), 500)).toBe(500)
    expect(buckets.admitWrites(1, times(1001, 1), 100_000)).toBe(1000)
  })

  it('gives the reserve back only from what is left unused', () => {
    const busy = awsShard()
    expect(busy.admitWrites(1, [10 * MIB], 0)).toBe(1)
    for (let second = 1; second <= 20; second++) expect(busy.admitWrites(1, [MIB], second * 1000)).toBe(1)
    expect(busy.admitWrites(1, [2 * MIB], 20_000)).toBe(0)
    const idle = awsShard()
    expect(idle.admitWrites(1, [10 * MIB], 0)).toBe(1)
    expect(idle.admitWrites(1, [2 * MIB], 2000)).toBe(1)
  })

  it('never admits more than the burst and the rate allow, over any series of calls', () => {
    const calls = fc.array(
      fc.record({ afterMs: fc.nat(400), sizes: fc.array(fc.integer({ min: 1, max: MIB }), { maxLength: 20 }) }),
      {
        maxLength: 40,
      },
    )
    fc.assert(
      fc.property(calls, (series) => {
        const buckets = awsShard()
        let nowMs = 0
        let bytes = 0
        let records = 0
        for (const { afterMs, sizes } of series) {
          nowMs += afterMs
          const admitted = buckets.admitWrites(1, sizes, nowMs)
          for (const size of sizes.slice(0, admitted)) bytes += size
          records += admitted
          expect(bytes).toBeLessThanOrEqual(MIB + (nowMs / 1000) * MIB + 1)
          expect(records).toBeLessThanOrEqual(1000 + nowMs + 1)
        }
      }),
    )
  })

  it('keeps to the rate on average, whatever large records and small ones come in turn', () => {
    const calls = fc.array(
      fc.record({ afterMs: fc.nat(2000), sizes: fc.array(fc.integer({ min: 1, max: 3 * MIB }), { maxLength: 4 }) }),
      { minLength: 20, maxLength: 60 },
    )
    fc.assert(
      fc.property(calls, (series) => {
        const buckets = awsShard()
        let nowMs = 0
        let bytes = 0
        for (const { afterMs, sizes } of [{ afterMs: 0, sizes: [10 * MIB] }, ...series]) {
          nowMs += afterMs
          for (const size of sizes.slice(0, buckets.admitWrites(1, sizes, nowMs))) bytes += size
          expect(bytes).toBeLessThanOrEqual(11 * MIB + (nowMs / 1000) * MIB + 1)
        }
      }),
    )
    const pairs = awsShard()
    expect(pairs.admitWrites(1, [10 * MIB, MIB], 0)).toBe(2)
    let admitted = 0
    for (let nowMs = 1010; nowMs <= 101_000; nowMs += 1010) {
      admitted += pairs.admitWrites(1, [MIB + KIB], nowMs) * (MIB + KIB)
      admitted += pairs.admitWrites(1, [MIB], nowMs) * MIB
    }
    expect(admitted).toBeLessThanOrEqual(101 * MIB)
  })

  it('starts a shard afresh once it was forgotten, in a slot used before', () => {
    const buckets = awsShard()
    for (let shard = 1; shard <= 200; shard++) buckets.admitWrites(shard, times(1000, 1), 0)
    buckets.forget([3, 999])
    expect(buckets.admitWrites(500, times(1000, 1), 0)).toBe(1000)
    expect(buckets.admitWrites(3, times(1000, 1), 0)).toBe(1000)
    expect(buckets.admitWrites(4, [1], 0)).toBe(0)
  })

  it('lets something through however low the limit is set', () => {
    const buckets = new ShardBuckets({ ...AWS_SHARD_LIMITS, writeBytes: 1 })
    expect(buckets.admitWrites(1, [10], 0)).toBe(1)
  })
})

describe('reading from a shard', () => {
  const readsAt = (buckets: ShardBuckets, nowMs: number): number => {
    let reads = 0
    while (buckets.admitRead(1, nowMs)) reads++
    return reads
  }

  it('is allowed five times a second', () => {
    const buckets = awsShard()
    expect(readsAt(buckets, 0)).toBe(5)
    expect(readsAt(buckets, 199)).toBe(0)
    expect(readsAt(buckets, 200)).toBe(1)
    expect(readsAt(buckets, 10_000)).toBe(5)
  })

  it.each([
    ['2 MiB', 2 * MIB, 200],
    ['10 MiB, for 5 s', 10 * MIB, 5000],
    ['4 MiB, for 2 s', 4 * MIB, 2000],
  ])('is blocked after an answer of %s', (_, bytes, blockedMs) => {
    const buckets = awsShard()
    expect(buckets.admitRead(1, 0)).toBe(true)
    buckets.chargeRead(1, bytes, 0)
    if (bytes > 2 * MIB) expect(buckets.admitRead(1, blockedMs - 1)).toBe(false)
    expect(buckets.admitRead(1, blockedMs)).toBe(true)
  })
})
