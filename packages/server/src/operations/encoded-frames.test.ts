import { describe, expect, it } from 'vitest'

import { EncodedFrames } from './encoded-frames.ts'

const KIB = 1024
const encoded = (bytes: number) => ({ elements: new Uint8Array(bytes), bytes, dataKeyIds: [] })
const frame = (bytes: number, timeMs: number) => ({
  commit: 1,
  firstIndex: 0,
  records: 1,
  timeMs,
  bytes: new Uint8Array(bytes),
})

describe('EncodedFrames', () => {
  it('finds a frame by encoding, shard and commit', () => {
    const frames = new EncodedFrames(100 * KIB)
    const one = encoded(10)
    frames.add('json', 1, 23, one)
    expect(frames.get('json', 1, 23)).toBe(one)
    expect(frames.get('cbor', 1, 23)).toBeUndefined()
    expect(frames.get('json', 12, 3)).toBeUndefined()
    expect(frames.get('json', 1, 24)).toBeUndefined()
  })

  it('lets the oldest go when the bytes pass the bound, and one that is larger than that at once', () => {
    const frames = new EncodedFrames(3 * KIB)
    for (let commit = 1; commit <= 4; commit++) frames.add('json', 1, commit, encoded(KIB))
    expect([1, 2, 3, 4].map((commit) => frames.get('json', 1, commit) !== undefined)).toEqual([false, true, true, true])
    expect(frames.bytes).toBe(3 * KIB)
    frames.add('json', 1, 5, encoded(4 * KIB))
    expect(frames.get('json', 1, 5)).toBeUndefined()
    expect(frames.bytes).toBe(0)
  })

  it('counts the memory that is held, not only what of it is used', () => {
    const frames = new EncodedFrames(100 * KIB)
    frames.add('json', 1, 1, { elements: new Uint8Array(10 * KIB).subarray(0, 5), bytes: 1, dataKeyIds: [] })
    expect(frames.bytes).toBe(10 * KIB)
  })

  it('counts a frame that is encoded again once, and as the newest', () => {
    const frames = new EncodedFrames(3 * KIB)
    for (const commit of [1, 2, 1]) frames.add('json', 1, commit, encoded(KIB))
    expect(frames.bytes).toBe(2 * KIB)
    for (const commit of [3, 4]) frames.add('json', 1, commit, encoded(KIB))
    expect([1, 2, 3, 4].map((commit) => frames.get('json', 1, commit) !== undefined)).toEqual([true, false, true, true])
  })

  it('takes frames of the last minute that are not small', () => {
    const frames = new EncodedFrames()
    expect(frames.admits(frame(4 * KIB, 1_000), 61_000)).toBe(true)
    expect(frames.admits(frame(4 * KIB, 1_000), 61_001)).toBe(false)
    expect(frames.admits(frame(4 * KIB - 1, 1_000), 1_000)).toBe(false)
  })
})
