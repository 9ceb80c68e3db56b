import { describe, expect, it } from 'vitest'

import { beginStream } from './create.ts'
import { changeRetention, visibleFromMs } from './retention.ts'

const HOUR_MS = 3_600_000
const START_MS = 1_700_000_000_000

const stream = beginStream({
  key: { account: '123456789012', region: 'us-east-1', name: 's' },
  shards: 1,
  firstRef: 1,
  nowMs: START_MS,
  lastBirthS: 0,
  maxRecordKiB: 1024,
  tags: {},
})

describe('what a reader may see', () => {
  it('is younger than the retention: a record of exactly that age is gone', () => {
    expect(visibleFromMs(stream, START_MS)).toBe(START_MS - 24 * HOUR_MS + 1)
  })

  it('does not grow when retention becomes longer', () => {
    const nowMs = START_MS + 100 * HOUR_MS
    const longer = changeRetention(stream, 48, () => nowMs)
    expect(visibleFromMs(longer, nowMs)).toBe(visibleFromMs(stream, nowMs))
    expect(visibleFromMs(longer, nowMs + HOUR_MS)).toBe(visibleFromMs(stream, nowMs))
    expect(visibleFromMs(longer, nowMs + 30 * HOUR_MS)).toBe(nowMs + 30 * HOUR_MS - 48 * HOUR_MS + 1)
  })

  it('shrinks at once when retention becomes shorter, and stays so when it is raised again', () => {
    const nowMs = START_MS + 100 * HOUR_MS
    const shorter = changeRetention({ ...stream, retentionHours: 72 }, 24, () => nowMs)
    const fromMs = nowMs - 24 * HOUR_MS + 1
    expect(visibleFromMs(shorter, nowMs)).toBe(fromMs)
    expect(
      visibleFromMs(
        changeRetention(shorter, 72, () => nowMs),
        nowMs,
      ),
    ).toBe(fromMs)
  })
})
