import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'

import { BufferPool } from './buffer-pool.ts'

const KIB = 1024
const open = (bytesKeptMax = 1024 * KIB): BufferPool => new BufferPool({ bytesMin: 64 * KIB, bytesKeptMax })

describe('BufferPool', () => {
  it('gives what came back last, if it is large enough and not much larger', () => {
    const pool = open()
    const [first, second, large] = [pool.take(100 * KIB), pool.take(100 * KIB), pool.take(300 * KIB)]
    for (const buffer of [first, second, large]) pool.giveBack(buffer)
    const again = pool.take(99 * KIB)
    expect(again.buffer).toBe(second.buffer)
    expect(again).toHaveLength(99 * KIB)
    expect(pool.take(104 * KIB + 1).buffer).not.toBe(first.buffer)
    expect(pool.take(100 * KIB).buffer).toBe(first.buffer)
  })

  it('knows a buffer by any part of it, and leaves other memory alone', () => {
    const pool = open()
    const memory = pool.take(100 * KIB)
    pool.giveBack(Buffer.alloc(100 * KIB))
    pool.giveBack(open().take(100 * KIB))
    expect(pool.bytesKept).toBe(0)
    pool.giveBack(memory.subarray(5, 7))
    expect(pool.take(100 * KIB).buffer).toBe(memory.buffer)
  })

  it('gives arrays that are copied by slice, fresh or used', () => {
    const pool = open()
    for (const bytes of [100, 100 * KIB, 100 * KIB]) {
      const memory = pool.take(bytes)
      expect(memory.slice().buffer === memory.buffer).toBe(false)
      pool.giveBack(memory)
    }
  })

  it('keeps so many bytes, and nothing small', () => {
    const pool = open(200 * KIB)
    const buffers = [1, 2, 3].map(() => pool.take(80 * KIB))
    for (const buffer of [...buffers, pool.take(64 * KIB - 1), pool.take(201 * KIB)]) pool.giveBack(buffer)
    expect(pool.bytesKept).toBe(160 * KIB)
    expect([1, 2, 3].map(() => pool.take(80 * KIB).buffer).slice(0, 2)).toEqual([
      buffers[2]?.buffer,
      buffers[1]?.buffer,
    ])
    expect(pool.bytesKept).toBe(0)
  })

  it('leaves alone what was transferred to somebody else', () => {
    const pool = open()
    const memory = pool.take(100 * KIB)
    structuredClone(memory.buffer, { transfer: [memory.buffer as ArrayBuffer] })
    pool.giveBack(memory)
    // Whatever is kept, `take` looks at.
    const looking = vi.fn(() => 0)
    Object.defineProperty(memory.buffer, 'byteLength', { get: looking })
    pool.take(100 * KIB)
    expect(looking).not.toHaveBeenCalled()
  })

  it('has one owner for each, however often something is given back, and few bytes that nobody asked for', () => {
    const step = fc.oneof(
      fc.record({ take: fc.integer({ min: 64 * KIB, max: 400 * KIB }) }),
      fc.record({ giveBack: fc.nat(), times: fc.integer({ min: 1, max: 2 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = open()
        const owned: Uint8Array[] = []
        for (const next of steps) {
          if ('take' in next) {
            const memory = pool.take(next.take)
            expect(owned.map(({ buffer }) => buffer)).not.toContain(memory.buffer)
            expect(memory.buffer.byteLength).toBeLessThanOrEqual(next.take * 1.125 * 1.25)
            owned.push(memory)
          } else {
            const [memory] = owned.splice(next.giveBack % Math.max(1, owned.length), 1)
            if (memory !== undefined) for (let i = 0; i < next.times; i++) pool.giveBack(memory)
          }
          expect(pool.bytesKept).toBeLessThanOrEqual(1024 * KIB)
        }
      }),
    )
  })
})
