import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from './backoff.ts'
import { randomBelow, systemRandom } from './random.ts'
import { seededRandom } from './testing/index.ts'

describe('backoffMs', () => {
  it('stays below both the exponential and the maximum', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.integer(), (attempt, seed) => {
        const delay = backoffMs(attempt, { baseMs: 50, maxMs: 2_000 }, seededRandom(seed))
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThan(Math.min(2_000, 50 * 2 ** attempt))
      }),
    )
  })

  it('spreads over the whole range', () => {
    const random = seededRandom(7)
    const delays = Array.from({ length: 1_000 }, () => backoffMs(3, { baseMs: 100, maxMs: 10_000 }, random))
    expect(Math.min(...delays)).toBeLessThan(40)
    expect(Math.max(...delays)).toBeGreaterThan(760)
  })
})

describe('Random', () => {
  it('replays from a seed', () => {
    expect(seededRandom(3).bytes(64)).toEqual(seededRandom(3).bytes(64))
    expect(seededRandom(3).bytes(64)).not.toEqual(seededRandom(4).bytes(64))
  })

  it.each([['system', systemRandom] as const, ['seeded', seededRandom(1)] as const])(
    'the %s source stays in its bounds',
    (_name, random) => {
      for (let i = 0; i < 2_000; i++) expect([0, 1, 2]).toContain(randomBelow(random, 3))
    },
  )
})
