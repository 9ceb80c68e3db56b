import { describe, expect, it } from 'vitest'
import type { GroupedSegment } from './format/control-format.ts'
import { EMPTY_REGISTER, withRegrouped } from './segment-register.ts'

const FIRST_GROUPED = 2 ** 31

/** A regrouped segment of commits `first` … `last`. */
function grouped(number: number, firstCommit: number, lastCommit: number): GroupedSegment {
  const rest = { retentionClass: 1, blocks: 1, usedBytes: 8192, salt: 1n }
  return { number: FIRST_GROUPED + number, firstCommit, lastCommit, ...rest }
}

describe('the register of segments', () => {
  // Recovery orders segments by their last commits, and those that share one by this register. A ledger that changed
  // its class has its older frames in the one and its newer in the other: out of place, they were read after them.
  it('puts what was written where its last part stood, before what ended with the same commit', () => {
    const raw = { number: 1, firstCommit: 1, lastCommit: 9 }
    const next = { number: 2, firstCommit: 10, lastCommit: 20 }
    const two = withRegrouped(
      withRegrouped(EMPTY_REGISTER, { inputs: [raw], outputs: [grouped(1, 1, 9), grouped(2, 1, 9)] }),
      { inputs: [next], outputs: [grouped(3, 10, 20), grouped(4, 10, 20)] },
    )
    const merge = { inputs: two.grouped.slice(0, 3), outputs: [grouped(5, 1, 20), grouped(6, 1, 20)] }
    const merged = withRegrouped(two, merge)
    expect(merged.grouped.map(({ number }) => number - FIRST_GROUPED)).toEqual([5, 6, 4])
    expect(withRegrouped(merged, merge)).toEqual(merged)
  })
})
