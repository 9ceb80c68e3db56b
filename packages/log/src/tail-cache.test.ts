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

  it('keeps nothing when it may not', () => {
    const tail = new TailCache(0)
    tail.add(1, new Uint8Array(10), 0)
    expect([tail.bytes, tail.firstCommit, tail.get(1, 0, 5)]).toEqual([0, Number.POSITIVE_INFINITY, undefined])
  })
})
