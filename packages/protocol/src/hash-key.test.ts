import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HASH_KEY_MAX, HashKeyRouter, hashKeyOf } from './hash-key.ts'

const hashKeys = fc.bigInt({ min: 0n, max: HASH_KEY_MAX })
const cuts = fc.uniqueArray(fc.oneof(hashKeys, fc.string().map(hashKeyOf)), { maxLength: 40 })
const startsArbitrary = cuts.map((keys) => [...new Set([0n, ...keys])].sort((a, b) => (a < b ? -1 : 1)))

describe('hashKeyOf', () => {
  it.each([
    ['a', 16955237001963240173058271559858726497n],
    ['partition-1', 198019941650871988756153596255032211816n],
    ['ключ', 259726384039714788407059515981389908711n],
  ])('is the MD5 of the UTF-8 of %s', (partitionKey, expected) => {
    expect(hashKeyOf(partitionKey)).toBe(expected)
  })
})

describe('HashKeyRouter', () => {
  it('finds the last range that starts at or below a hash key', () => {
    fc.assert(
      fc.property(startsArbitrary, hashKeys, fc.nat(), fc.constantFrom(-1n, 0n, 1n), (starts, random, pick, offset) => {
        const near = (starts[pick % starts.length] ?? 0n) + offset
        const router = new HashKeyRouter(starts)
        for (const key of [random, near < 0n ? 0n : near, 0n, HASH_KEY_MAX]) {
          expect(router.routeHashKey(key)).toBe(starts.findLastIndex((start) => start <= key))
        }
      }),
    )
  })

  it('routes a partition key as its hash key, also where a range starts within the same prefix', () => {
    fc.assert(
      fc.property(startsArbitrary, fc.string(), fc.constantFrom(-1n, 0n, 1n), (starts, key, offset) => {
        const hash = hashKeyOf(key)
        const with_ = [...new Set([...starts, hash + offset])].sort((a, b) => (a < b ? -1 : 1))
        const router = new HashKeyRouter(with_)
        expect(router.route(key)).toBe(with_.findLastIndex((start) => start <= hash))
      }),
    )
  })

  it('refuses ranges that leave the first keys to nobody', () => {
    expect(() => new HashKeyRouter([1n])).toThrow('expected 0')
    expect(() => new HashKeyRouter([])).toThrow('expected 0')
  })
})
