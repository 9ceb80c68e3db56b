import { describe, expect, it } from 'vitest'
import { type Clock, setPatientTimer } from './index.ts'
import { VirtualClock } from './testing/index.ts'

describe('a patient timer', () => {
  /** As of a process that had no turn for `lateMs` when the first timer was due. */
  function late(clock: VirtualClock, lateMs: number): Clock {
    let isFirst = true
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback) =>
        clock.setTimer(isFirst ? ((isFirst = false), delayMs + lateMs) : delayMs, callback),
    }
  }

  it.each([
    [0, 100],
    [200, 300],
    [5_000, 5_120],
  ])('that is %i ms late rings after %i ms', (lateMs, atMs) => {
    const clock = new VirtualClock(0)
    let rangAtMs = 0
    setPatientTimer(late(clock, lateMs), 100, () => (rangAtMs = clock.monotonic()))
    clock.advance(10_000)
    expect(rangAtMs).toBe(atMs)
  })

  it('is cancelled, also in the turn that it gives', () => {
    const clock = new VirtualClock(0)
    let rings = 0
    for (const cancelAtMs of [50, 5_110]) {
      const timer = setPatientTimer(late(clock, 5_000), 100, () => rings++)
      clock.setTimer(cancelAtMs, () => timer.cancel())
      clock.advance(10_000)
    }
    expect([rings, clock.pendingTimers]).toEqual([0, 0])
  })
})
