import { describe, expect, it } from 'vitest'
import { AT_TIMESTAMP } from '../extended-sequence-number.ts'
import { readPositionOf } from './read-position.ts'

describe('a lease AT_TIMESTAMP', () => {
  it('begins at its own time', () => {
    expect(readPositionOf(AT_TIMESTAMP, 7, { timeMs: 9 })).toEqual({ kind: 'time', timeMs: 7 })
  })

  it('without one at that of the options, or with all there is', () => {
    expect(readPositionOf(AT_TIMESTAMP, undefined, { timeMs: 9 })).toEqual({ kind: 'time', timeMs: 9 })
    expect(readPositionOf(AT_TIMESTAMP, undefined, 'latest')).toEqual({ kind: 'time', timeMs: 0 })
    expect(readPositionOf(AT_TIMESTAMP, undefined, undefined)).toEqual({ kind: 'time', timeMs: 0 })
  })
})
