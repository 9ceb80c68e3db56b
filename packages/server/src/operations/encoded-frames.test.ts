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
    expect(frames.get('json', 1, 23, 0)).toBe(one)
    expect(frames.get('cbor', 1, 23, 0)).toBeUndefined()
    expect(frames.get('json', 12, 3, 0)).toBeUndefined()
    expect(frames.get('json', 1, 24, 0)).toBeUndefined()
  })

  it('lets the oldest go when the bytes pass the bound, and one that is larger than that at once', () => {
    const frames = new EncodedFrames(3 * KIB)
    for (let commit = 1; commit <= 4; commit++) frames.add('json', 1, commit, encoded(KIB))
    expect([1, 2, 3, 4].map((commit) => frames.get('json', 1, commit, 0) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
    ])
    expect(frames.bytes).toBe(3 * KIB)
    frames.add('json', 1, 5, encoded(4 * KIB))
    expect(frames.get('json', 1, 5, 0)).toBeUndefined()
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
    expect([1, 2, 3, 4].map((commit) => frames.get('json', 1, commit, 0) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ])
  })

  it('takes frames of a shard when one of it was asked for again, for a minute', () => {
    const frames = new EncodedFrames()
    const stored = frame(4 * KIB, 1_000)
    const admits = (codec: 'json' | 'cbor', shard: number, nowMs: number) => frames.admits(codec, shard, stored, nowMs)
    frames.addUnkept('json', 1, stored, 6 * KIB, 1_000)
    expect(admits('json', 1, 1_000)).toBe(false)
    expect(frames.get('json', 1, 2, 2_000)).toBeUndefined()
    expect(admits('json', 1, 2_000)).toBe(false)
    expect(frames.get('json', 1, stored.commit, 2_000)).toBeUndefined()
    expect(admits('json', 1, 2_000)).toBe(true)
    expect([admits('cbor', 1, 2_000), admits('json', 2, 2_000)]).toEqual([false, false])
    expect(frames.bytes).toBe(0)
    const later = frame(4 * KIB, 60_000)
    expect(frames.admits('json', 1, later, 62_000)).toBe(true)
    expect(frames.admits('json', 1, later, 62_001)).toBe(false)
    frames.add('json', 1, 2, encoded(6 * KIB))
    expect(frames.get('json', 1, 2, 70_000)).toBeDefined()
    expect(frames.admits('json', 1, later, 70_000)).toBe(true)
  })

  it('forgets what was not kept as if it had been', () => {
    const frames = new EncodedFrames(12 * KIB)
    const stored = frame(4 * KIB, 0)
    frames.addUnkept('json', 1, stored, 6 * KIB, 0)
    frames.add('json', 2, 1, encoded(4 * KIB))
    frames.add('json', 2, 2, encoded(3 * KIB))
    expect(frames.bytes).toBe(7 * KIB)
    expect(frames.get('json', 1, stored.commit, 0)).toBeUndefined()
    expect(frames.admits('json', 1, stored, 0)).toBe(false)
  })

  it('takes frames of the last minute that are not small', () => {
    const frames = new EncodedFrames()
    frames.addUnkept('json', 1, frame(4 * KIB, 1_000), 6 * KIB, 1_000)
    frames.get('json', 1, 1, 30_000)
    expect(frames.admits('json', 1, frame(4 * KIB, 1_000), 61_000)).toBe(true)
    expect(frames.admits('json', 1, frame(4 * KIB, 1_000), 61_001)).toBe(false)
    expect(frames.admits('json', 1, frame(4 * KIB - 1, 1_000), 1_000)).toBe(false)
  })

  it('does not remember who was answered with old or small frames', () => {
    const frames = new EncodedFrames()
    for (const stored of [frame(4 * KIB, 1_000), frame(4 * KIB - 1, 61_000)]) {
      frames.addUnkept('json', 1, stored, 6 * KIB, 61_001)
      frames.get('json', 1, stored.commit, 61_001)
      expect(frames.admits('json', 1, frame(4 * KIB, 61_000), 61_001)).toBe(false)
    }
  })
})
