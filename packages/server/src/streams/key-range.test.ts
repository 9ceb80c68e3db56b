import { HASH_KEY_MAX } from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { canCut, cut, divideKeySpace, join, meet } from './key-range.ts'

const starts = (count: number): readonly string[] => divideKeySpace(count).map((range) => range.start.toString())

describe('divideKeySpace', () => {
  // Ranges as AWS gives them: clients predict shards from them.
  it.each([
    [1, ['0']],
    [2, ['0', '170141183460469231731687303715884105728']],
    [3, ['0', '113427455640312821154458202477256070485', '226854911280625642308916404954512140970']],
    [
      5,
      [
        '0',
        '68056473384187692692674921486353642291',
        '136112946768375385385349842972707284582',
        '204169420152563078078024764459060926873',
        '272225893536750770770699685945414569164',
      ],
    ],
  ])('starts %i ranges where AWS does', (count, expected) => {
    expect(starts(count)).toEqual(expected)
  })

  it('partitions the key space, the last range taking what is left over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), (count) => {
        const ranges = divideKeySpace(count)
        expect(ranges[0]?.start).toBe(0n)
        expect(ranges.at(-1)?.end).toBe(HASH_KEY_MAX)
        for (const [i, range] of ranges.entries()) {
          const next = ranges[i + 1]
          if (next !== undefined) expect(meet(range, next)).toBe(true)
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('cut and join', () => {
  const range = { start: 100n, end: 200n }

  it.each([
    [101n, false],
    [102n, true],
    [199n, true],
    [200n, false],
  ])('at key %i of 100 … 200: %s', (at, allowed) => {
    expect(canCut(range, at)).toBe(allowed)
  })

  it('are each other’s inverse, and the parts meet', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 102n, max: 199n }), (at) => {
        const [lower, upper] = cut(range, at)
        expect(meet(lower, upper)).toBe(true)
        expect(meet(upper, lower)).toBe(false)
        expect(join(lower, upper)).toEqual(range)
      }),
    )
  })
})
