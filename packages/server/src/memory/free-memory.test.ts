import { describe, expect, it } from 'vitest'

import { freeMemory } from './free-memory.ts'

describe('freeMemory', () => {
  it('gives back at once what nobody holds', async () => {
    for (let round = 0; round < 3; round++) {
      const before = process.memoryUsage().arrayBuffers
      const buffers = Array.from({ length: 8 }, () => Buffer.allocUnsafeSlow(1024 * 1024))
      for (const buffer of buffers) freeMemory(buffer)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
      expect(buffers.map(({ length }) => length)).toEqual(buffers.map(() => 0))
      // The port notices later that its other end is closed.
      await new Promise((resolve) => setImmediate(resolve))
    }
  })

  it('leaves pieces of a larger buffer alone', () => {
    const whole = Buffer.allocUnsafeSlow(128 * 1024).fill(1)
    freeMemory(whole.subarray(0, 64 * 1024))
    freeMemory(Buffer.from('small'))
    expect(whole[0]).toBe(1)
  })
})
