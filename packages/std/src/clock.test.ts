import { describe, expect, it } from 'vitest'
import { sleep } from './clock.ts'
import { VirtualClock } from './testing/index.ts'

describe('VirtualClock', () => {
  it('fires timers in order of their time, at their own moment', () => {
    const clock = new VirtualClock(0)
    const seen: string[] = []
    clock.setTimer(20, () => seen.push(`late@${clock.now()}`))
    clock.setTimer(10, () => seen.push(`early@${clock.now()}`))
    clock.advance(30)
    expect(seen).toEqual(['early@10', 'late@20'])
    expect(clock.now()).toBe(30)
  })

  it('steps the wall clock without passing time', () => {
    const clock = new VirtualClock(1_000)
    let fired = false
    clock.setTimer(5, () => (fired = true))
    clock.stepWall(-500)
    expect([clock.now(), clock.monotonic(), fired]).toEqual([500, 0, false])
  })
})

describe('sleep', () => {
  it('rejects with the reason of the signal and leaves no timer behind', async () => {
    const clock = new VirtualClock()
    const controller = new AbortController()
    const sleeping = sleep(clock, 1_000, controller.signal)
    controller.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    expect(clock.pendingTimers).toBe(0)
  })
})
