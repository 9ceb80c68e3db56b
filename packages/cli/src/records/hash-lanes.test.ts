import { HASH_KEY_MAX } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LANES_MAX, laneOf, laneStarts } from './hash-lanes.ts'
import { SettledPrefix } from './settled-prefix.ts'

const hashKey = fc.bigInt({ min: 0n, max: HASH_KEY_MAX })

describe('lanes', () => {
  it('cover the whole space, and each shard lies in one lane', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hashKey, { maxLength: 60 }), hashKey, (shards, key) => {
        const starts = laneStarts(shards)
        expect(starts.length).toBeLessThanOrEqual(LANES_MAX)
        expect(starts[0]).toBe(0n)
        const lane = laneOf(starts, key)
        expect((starts[lane] ?? -1n) <= key && (starts[lane + 1] ?? HASH_KEY_MAX + 1n) > key).toBe(true)
        for (const start of starts) expect([0n, ...shards]).toContain(start)
      }),
    )
  })
})

describe('SettledPrefix', () => {
  it('ends where the first number is open, in whatever order they settle', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: 30 }, (_, i) => i + 11)), (numbers) => {
        const prefix = new SettledPrefix(10)
        for (const number of numbers) prefix.settle(number)
        let end = 10
        while (numbers.includes(end + 1)) end++
        expect(prefix.end).toBe(end)
      }),
    )
  })
})
