import { silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { GuardedClock } from './guarded-clock.ts'

const START_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000

function guarded(newestMs: number | undefined = START_MS): {
  clock: VirtualClock
  guard: GuardedClock
  warnings: string[]
} {
  const clock = new VirtualClock(START_MS)
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  return { clock, guard: new GuardedClock({ clock, logger, newestMs }), warnings }
}

describe('the guarded clock', () => {
  it('follows the wall clock while it agrees with the monotonic one', () => {
    const { clock, guard } = guarded()
    for (let i = 0; i < 100; i++) {
      clock.advance(HOUR_MS)
      clock.stepWall(i % 2 === 0 ? 500 : -500)
      expect(guard.now()).toBe(clock.now())
    }
  })

  it('goes on from where it was when the wall clock steps forward, and says so once', () => {
    const { clock, guard, warnings } = guarded()
    clock.stepWall(48 * HOUR_MS)
    expect(guard.now()).toBe(START_MS)
    clock.advance(HOUR_MS)
    expect(guard.now()).toBe(START_MS + HOUR_MS)
    expect(warnings).toHaveLength(1)
  })

  it('follows a step back at once, and does not take the way forth again', () => {
    const { clock, guard } = guarded()
    clock.stepWall(-5 * HOUR_MS)
    expect(guard.now()).toBe(START_MS - 5 * HOUR_MS)
    clock.stepWall(5 * HOUR_MS)
    expect(guard.now()).toBe(START_MS - 5 * HOUR_MS)
  })

  it('follows again once a step forward was taken back', () => {
    const { clock, guard } = guarded()
    clock.stepWall(48 * HOUR_MS)
    guard.now()
    clock.stepWall(-48 * HOUR_MS)
    clock.advance(HOUR_MS)
    expect(guard.now()).toBe(clock.now())
  })

  it('doubts for ten minutes a clock that is more than a day past the newest record', () => {
    const newestMs = START_MS - 25 * HOUR_MS
    const { clock, guard, warnings } = guarded(newestMs)
    expect(warnings).toHaveLength(1)
    clock.advance(10 * 60_000 - 1)
    expect(guard.now()).toBe(newestMs + 10 * 60_000 - 1)
    clock.advance(1)
    expect(guard.now()).toBe(clock.now())
  })

  it.each([
    ['no record', undefined],
    ['a record of a day ago', START_MS - 24 * HOUR_MS],
    ['a record ahead of the clock', START_MS + HOUR_MS],
  ])('trusts the clock at once with %s', (_, newestMs) => {
    const clock = new VirtualClock(START_MS)
    expect(new GuardedClock({ clock, logger: silentLogger, newestMs }).now()).toBe(START_MS)
  })
})
