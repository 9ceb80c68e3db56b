import { describe, expect, it } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

describe('TokenBucket', () => {
  it('starts full and refuses what it does not hold', () => {
    const bucket = new TokenBucket(10, 10, 0)
    expect(bucket.take(10, 0)).toBe(true)
    expect(bucket.take(1, 0)).toBe(false)
  })

  it('fills with time, up to its capacity', () => {
    const bucket = new TokenBucket(10, 10, 0)
    bucket.take(10, 0)
    expect(bucket.available(500)).toBeCloseTo(5)
    expect(bucket.available(60_000)).toBe(10)
  })

  it('lets a charge run into debt, which later time pays first', () => {
    const bucket = new TokenBucket(10, 10, 0)
    bucket.charge(30, 0)
    expect(bucket.take(1, 2_000)).toBe(false)
    expect(bucket.take(1, 2_100)).toBe(true)
  })

  it('is not moved by a time before the last one', () => {
    const bucket = new TokenBucket(10, 10, 1_000)
    bucket.take(10, 1_000)
    expect(bucket.available(0)).toBe(0)
  })
})
