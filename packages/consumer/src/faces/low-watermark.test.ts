import fc from 'fast-check'
import { expect, it } from 'vitest'
import { record } from '../testing/fake-shard.ts'
import { LowWatermark } from './low-watermark.ts'

it('rises as far as everything is done, by as many records, whatever the order', () => {
  const some = fc.integer({ min: 1, max: 2_500 })
  const order = some.chain((length) =>
    fc
      .array(fc.nat(), { minLength: length, maxLength: length, size: 'max' })
      .map((keys) => keys.map((key, index) => ({ key, index })).sort((a, b) => a.key - b.key || a.index - b.index)),
  )
  fc.assert(
    fc.property(order, (finishing) => {
      const watermark = new LowWatermark()
      const entries = finishing.map((_, index) => watermark.add(record(index)))
      const done = new Set<number>()
      let expected = 0
      const wrong = finishing.filter(({ index }) => {
        const entry = entries[index]
        const before = expected
        done.add(index)
        while (done.has(expected)) expected++
        const risen = entry && watermark.done(entry)
        const isRight =
          expected === before
            ? risen === undefined
            : risen?.records === expected - before && risen.place === entries[expected - 1]?.place
        return !isRight || watermark.outstanding !== finishing.length - expected
      })
      expect(wrong).toEqual([])
    }),
    { numRuns: 10 },
  )
})
