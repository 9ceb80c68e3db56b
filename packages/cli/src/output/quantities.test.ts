import { describe, expect, it } from 'vitest'
import { formatBytes, formatCounted, formatDuration, formatRate } from './quantities.ts'

describe('quantities', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [250 * 1024 * 1024, '250 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it.each([
    [12, '12 ms'],
    [1500, '1.5 s'],
    [59_960, '1m 00s'],
    [61_500, '1m 02s'],
    [3_600_000, '1h 00m'],
    [3 * 86_400_000, '3d 00h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  it.each([
    [1, 'one'],
    [4000, 'many'],
  ])('counts %d thing(s) in the right number', (count, kind) => {
    expect(formatCounted(count, 'record')).toBe(kind === 'one' ? '1 record' : '4,000 records')
  })

  it('keeps a decimal for slow rates only, and survives no time at all', () => {
    expect([formatRate(1, 2000), formatRate(8000, 2000), formatRate(5, 0)]).toEqual(['0.5/s', '4,000/s', '0/s'])
  })
})
