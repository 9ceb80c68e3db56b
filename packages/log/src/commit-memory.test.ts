import { describe, expect, it } from 'vitest'
import { CommitMemory, PIECES_KEPT_MAX } from './commit-memory.ts'

const KIB = 1024

describe('CommitMemory', () => {
  it.each([40 * KIB, 200_000, 255 * KIB, 256 * KIB, 257 * KIB, 1024 * KIB + 4 * KIB])(
    'gives %i zeroed bytes, and those given back again when as many are asked for',
    (bytes) => {
      const memory = new CommitMemory()
      const first = memory.allocate(bytes).fill(1)
      memory.giveBack(first)
      const again = memory.allocate(bytes)
      expect(again.buffer).toBe(first.buffer)
      expect(Buffer.from(again).equals(Buffer.alloc(bytes))).toBe(true)
      expect(memory.allocate(bytes).buffer).not.toBe(first.buffer)
      expect(first.buffer.byteLength).toBeLessThanOrEqual(bytes * 1.25)
    },
  )

  it('never gives a small piece again: its neighbours may be in use', () => {
    const memory = new CommitMemory()
    const [small, neighbour] = [memory.allocate(4 * KIB), memory.allocate(4 * KIB)]
    memory.giveBack(small)
    const more = Array.from({ length: 200 }, () => memory.allocate(4 * KIB))
    for (const piece of more) piece.fill(1)
    expect(Buffer.from(neighbour).equals(Buffer.alloc(4 * KIB))).toBe(true)
  })

  it('takes little at first, and more at a time for whoever writes on', () => {
    const memory = new CommitMemory()
    expect(memory.allocate(4 * KIB).buffer.byteLength).toBe(8 * KIB)
    const more = Array.from({ length: 200 }, () => memory.allocate(4 * KIB).buffer)
    expect(new Set(more.map(({ byteLength }) => byteLength / KIB))).toEqual(new Set([8, 16, 32, 64, 128, 256]))
  })

  it('keeps the last pieces given back', () => {
    const memory = new CommitMemory()
    const pieces = Array.from({ length: PIECES_KEPT_MAX + 1 }, () => memory.allocate(64 * KIB))
    for (const piece of pieces) memory.giveBack(piece)
    const again = new Set(pieces.map(() => memory.allocate(64 * KIB).buffer))
    expect(pieces.filter(({ buffer }) => !again.has(buffer))).toEqual([pieces[0]])
  })
})
