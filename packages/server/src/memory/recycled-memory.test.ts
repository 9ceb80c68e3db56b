import { describe, expect, it } from 'vitest'

import { giveBackMemory, PIECES_KEPT_MAX, takeMemory } from './recycled-memory.ts'

const LARGE = 300_000

describe('recycled memory', () => {
  it('is what was given back last', () => {
    const first = takeMemory(LARGE)
    const second = takeMemory(LARGE)
    giveBackMemory(first)
    giveBackMemory(second)
    expect(takeMemory(LARGE + 1).buffer).toBe(second.buffer)
    expect(takeMemory(LARGE).buffer).toBe(first.buffer)
  })

  it('has the length that was asked for, small or large', () => {
    for (const bytes of [0, 1, 31_000, 40_000, LARGE, 1024 * 1024, 1024 * 1024 + 1, 3_000_000]) {
      const memory = takeMemory(bytes)
      expect(memory).toHaveLength(bytes)
      giveBackMemory(memory)
    }
  })

  it('makes no piece for what is much smaller than one, and lends one that is there', () => {
    const pieces = Array.from({ length: PIECES_KEPT_MAX + 1 }, () => takeMemory(LARGE))
    expect(takeMemory(40_000).buffer.byteLength).toBe(40_000)
    const [piece = new Uint8Array()] = pieces
    giveBackMemory(piece)
    expect(takeMemory(40_000).buffer).toBe(piece.buffer)
  })

  it.each([LARGE, 1024 * 1024])('has one owner: %i bytes given back twice are lent once', (bytes) => {
    const memory = takeMemory(bytes)
    giveBackMemory(memory)
    giveBackMemory(memory)
    const again = [takeMemory(LARGE), takeMemory(LARGE)]
    expect(again[0]?.buffer).not.toBe(again[1]?.buffer)
  })

  it('keeps so many pieces and frees the rest', () => {
    const pieces = Array.from({ length: PIECES_KEPT_MAX + 3 }, () => takeMemory(LARGE))
    for (const piece of pieces) giveBackMemory(piece)
    expect(pieces.filter(({ length }) => length === 0)).toHaveLength(3)
  })

  it('never lends a piece that another thread has got', () => {
    const memory = takeMemory(1024 * 1024)
    structuredClone(memory, { transfer: [memory.buffer as ArrayBuffer] })
    giveBackMemory(memory)
    expect(takeMemory(LARGE)).toHaveLength(LARGE)
  })

  it('frees other memory that is given to it, and leaves parts of it alone', () => {
    const whole = Buffer.allocUnsafeSlow(LARGE)
    const part = Buffer.allocUnsafeSlow(LARGE).subarray(1)
    giveBackMemory(whole)
    giveBackMemory(part)
    expect([whole.length, part.length]).toEqual([0, LARGE - 1])
  })
})
