import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { getUint48, getUint64, setUint48, setUint64 } from './bytes.ts'

describe('whole numbers above 32 bits', () => {
  it('stand in little-endian order, and come back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const view = new DataView(new ArrayBuffer(8))
        setUint64(view, 0, value)
        expect(view.getBigUint64(0, true)).toBe(BigInt(value))
        expect(getUint64(view, 0)).toBe(value)
        const short = value % 2 ** 48
        const shortView = new DataView(new ArrayBuffer(8))
        setUint48(shortView, 0, short)
        expect(shortView.getBigUint64(0, true)).toBe(BigInt(short))
        expect(getUint48(shortView, 0)).toBe(short)
      }),
    )
  })
})
