import { describe, expect, it } from 'vitest'
import { TailCache } from './tail-cache.ts'

describe('TailCache', () => {
  it('keeps the newest commits within its bytes, and forgets the older ones', () => {
    const tail = new TailCache(1_000)
    for (let commit = 5; commit < 500; commit++) tail.add(commit, new Uint8Array(100).fill(commit & 255), commit * 100)
    expect(tail.bytes).toBe(1_000)
    expect(tail.firstCommit).toBe(490)
    expect(tail.get(489, 48_900, 10)).toBeUndefined()
    expect(tail.get(499, 49_910, 3)).toEqual(new Uint8Array([243, 243, 243]))
    expect(tail.get(500, 50_000, 3)).toBeUndefined()
  })

  it('tells of what leaves and was never lent', () => {
    const unused: Uint8Array[] = []
    const tail = new TailCache(300, (buffer) => unused.push(buffer))
    const buffers = Array.from({ length: 6 }, () => new Uint8Array(100))
    for (const [i, buffer] of buffers.entries()) {
      tail.add(1 + i, buffer, i * 100)
      if (i === 1) tail.get(1, 10, 5)
    }
    expect(unused).toEqual([buffers[1], buffers[2]])
    expect(unused[0]).toBe(buffers[1])
  })

  it('keeps nothing when it may not', () => {
    const tail = new TailCache(0)
    tail.add(1, new Uint8Array(10), 0)
    expect([tail.bytes, tail.firstCommit, tail.get(1, 0, 5)]).toEqual([0, Number.POSITIVE_INFINITY, undefined])
  })
})
