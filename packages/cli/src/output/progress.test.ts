import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { Progress, progressLine } from './progress.ts'

function drawing(width: number | undefined, quiet = false) {
  const clock = new VirtualClock()
  const written: string[] = []
  const progress = new Progress({ clock, width, quiet, write: (text) => written.push(text) })
  return { clock, written, progress }
}

/** One update every 10 ms for `seconds`. */
function work({ clock, progress }: ReturnType<typeof drawing>, seconds: number): void {
  for (let i = 1; i <= seconds * 100; i++) {
    clock.advance(10)
    progress.update({ records: i, bytes: i * 100, fraction: i / (seconds * 100) })
  }
}

describe('Progress', () => {
  it('rewrites one line at most ten times a second on a terminal, and takes it away', () => {
    const run = drawing(80)
    work(run, 2)
    expect(run.written.length).toBeGreaterThan(15)
    expect(run.written.length).toBeLessThanOrEqual(20)
    expect(run.written.every((text) => text.startsWith('\r') && !text.includes('\n'))).toBe(true)
    run.progress.clear()
    run.progress.clear()
    expect(run.written.filter((text) => text === '\r\u001b[K')).toHaveLength(1)
  })

  it('writes a line every ten seconds into a pipe', () => {
    const run = drawing(undefined)
    work(run, 25)
    expect(run.written).toHaveLength(2)
    expect(run.written.every((text) => text.endsWith('\n') && !text.includes('\r'))).toBe(true)
  })

  it('says nothing when quiet', () => {
    const run = drawing(80, true)
    work(run, 1)
    run.progress.clear()
    expect(run.written).toEqual([])
  })

  it('never fills the last column, where terminals wrap', () => {
    const run = drawing(30)
    work(run, 1)
    expect(Math.max(...run.written.map((text) => text.replace('\r', '').replace('\u001b[K', '').length))).toBe(29)
  })
})

describe('progressLine', () => {
  it.each([
    [{ records: 5000, bytes: 1_048_576 }, 2000, '5,000 records  1.0 MiB  2,500/s'],
    [
      { records: 5000, bytes: 1024, fraction: 0.5, note: 'throttled' },
      10_000,
      '[==========          ] 50%  5,000 records  1.0 KiB  500/s  10.0 s left  throttled',
    ],
    [{ records: 0, bytes: 0, fraction: 0 }, 0, '[                    ] 0%  0 records  0 B  0/s'],
  ])('shows %j', (state, elapsedMs, line) => {
    expect(progressLine(state, elapsedMs)).toBe(line)
  })
})
