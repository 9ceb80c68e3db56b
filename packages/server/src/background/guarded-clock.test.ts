import { silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { GuardedClock, type KnownTime } from './guarded-clock.ts'

const START_MS = 1_700_000_000_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DOUBT_MS = 10 * MINUTE_MS
const KEPT_HOURS = 24

interface Bench {
  readonly clock: VirtualClock
  readonly guard: GuardedClock
  readonly warnings: readonly string[]
}

function open(known?: KnownTime, clock = new VirtualClock(START_MS)): Bench {
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  return { clock, guard: new GuardedClock({ clock, logger, known }), warnings }
}

/** The next service, on a machine whose clock shows so much more than the last one did when its service ended. */
function reopen({ clock, guard }: Bench, awayMs: number): Bench {
  return open(guard.known(), new VirtualClock(clock.now() + awayMs))
}

describe('the guarded clock', () => {
  it('follows the wall clock while it agrees with the monotonic one', () => {
    const { clock, guard } = open()
    for (let i = 0; i < 100; i++) {
      clock.advance(HOUR_MS)
      expect(guard.now(KEPT_HOURS)).toBe(clock.now())
    }
  })

  it('goes on from where it was when the wall clock steps forward, and says so once', () => {
    const { clock, guard, warnings } = open()
    clock.stepWall(48 * HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS)
    clock.advance(HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS + HOUR_MS)
    expect(warnings).toHaveLength(1)
  })

  it('follows a step forward once all that was stored before has been kept for its retention, and only for that', () => {
    const { clock, guard } = open()
    clock.stepWall(48 * HOUR_MS)
    guard.now(KEPT_HOURS)
    clock.advance(KEPT_HOURS * HOUR_MS - 1)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now() - 48 * HOUR_MS)
    clock.advance(1)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now())
    expect(guard.now(KEPT_HOURS + 1)).toBe(clock.now() - 48 * HOUR_MS)
  })

  it('follows no step of less than a minute, however many there are', () => {
    const { clock, guard } = open()
    for (let i = 0; i < 1_440; i++) {
      clock.advance(MINUTE_MS / 2)
      clock.stepWall(59_000)
      expect(guard.now(KEPT_HOURS)).toBe(START_MS + ((i + 1) * MINUTE_MS) / 2)
    }
    clock.advance(KEPT_HOURS * HOUR_MS)
    expect(clock.now() - guard.now(KEPT_HOURS)).toBeLessThanOrEqual(MINUTE_MS)
  })

  it('follows a step back at once, and does not take the way forth again for as long as records are kept', () => {
    const { clock, guard } = open()
    clock.stepWall(-5 * HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS - 5 * HOUR_MS)
    clock.stepWall(5 * HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS - 5 * HOUR_MS)
  })

  it('follows again once a step forward was taken back', () => {
    const { clock, guard } = open()
    clock.stepWall(48 * HOUR_MS)
    guard.now(KEPT_HOURS)
    clock.stepWall(-48 * HOUR_MS)
    clock.advance(HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now())
  })

  it('counts the oldest of very many steps as one, to keep longer', () => {
    const { clock, guard } = open()
    for (let i = 0; i < 1_010; i++) {
      clock.stepWall(2 * MINUTE_MS)
      guard.now(KEPT_HOURS)
      clock.advance(1_000)
    }
    expect(guard.known().past).toHaveLength(1_000)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS + 1_010_000)
  })
})

describe('the guarded clock after a restart', () => {
  it('doubts for ten minutes what the service was away for, of however long', () => {
    for (const awayMs of [MINUTE_MS, 23 * HOUR_MS, 1_000 * HOUR_MS]) {
      const { clock, guard } = reopen(open(), awayMs)
      clock.advance(DOUBT_MS - 1)
      expect(guard.now(KEPT_HOURS)).toBe(START_MS + DOUBT_MS - 1)
      clock.advance(1)
      expect(guard.now(KEPT_HOURS)).toBe(clock.now())
    }
  })

  it('warns when that is more than a day', () => {
    expect(reopen(open(), 24 * HOUR_MS).warnings).toEqual([])
    expect(reopen(open(), 24 * HOUR_MS + 1).warnings).toHaveLength(1)
  })

  it('follows at once a clock that was set back meanwhile', () => {
    const { clock, guard } = reopen(open(), -5 * HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now())
  })

  it('does not believe a clock only because the service was restarted', () => {
    const before = open()
    before.clock.stepWall(72 * HOUR_MS)
    before.guard.now(KEPT_HOURS)
    const { clock, guard } = reopen(before, 2 * MINUTE_MS)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS)
    clock.advance(DOUBT_MS)
    // The two minutes are believed, the three days are not.
    expect(guard.now(KEPT_HOURS)).toBe(START_MS + 2 * MINUTE_MS + DOUBT_MS)
    clock.stepWall(-72 * HOUR_MS)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now())
  })

  it('takes no step that it sees during the doubt for time that the service was away', () => {
    const { clock, guard } = reopen(open(), MINUTE_MS)
    clock.advance(MINUTE_MS)
    clock.stepWall(3 * HOUR_MS)
    guard.now(KEPT_HOURS)
    clock.advance(DOUBT_MS)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now() - 3 * HOUR_MS)
  })

  it('finds the doubt unsettled after a life that was shorter', () => {
    const short = reopen(open(), 72 * HOUR_MS)
    short.clock.advance(MINUTE_MS)
    const { clock, guard } = reopen(short, 0)
    clock.advance(DOUBT_MS - 1)
    expect(guard.now(KEPT_HOURS)).toBe(START_MS + MINUTE_MS + DOUBT_MS - 1)
    clock.advance(1)
    expect(guard.now(KEPT_HOURS)).toBe(clock.now())
  })
})

describe('whatever the clock does', () => {
  const ms = fc.oneof(fc.integer({ min: 0, max: 2 * MINUTE_MS }), fc.integer({ min: 0, max: 40 * HOUR_MS }))
  const signed = fc.tuple(ms, fc.boolean()).map(([size, isBack]) => (isBack ? -size : size))
  const action = fc.oneof(
    ms.map((passMs) => ({ kind: 'pass' as const, passMs })),
    signed.map((stepMs) => ({ kind: 'step' as const, stepMs })),
    // Time switched off, and what the clock shows wrong then, which is set right within the doubt if it is ahead.
    fc.record({ kind: fc.constant('restart' as const), awayMs: ms, wrongMs: signed, mendMs: fc.nat(DOUBT_MS - 1) }),
  )

  it('nothing expires before its retention has passed, and all does soon after, once the clock is left alone', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        let bench = open()
        let trueMs = 0
        const stored: { readonly trueMs: number; readonly timeMs: number }[] = []
        const look = (): void => {
          const fromMs = bench.guard.now(KEPT_HOURS) - KEPT_HOURS * HOUR_MS + 1
          const young = stored.filter((record) => trueMs - record.trueMs < KEPT_HOURS * HOUR_MS)
          for (const { timeMs } of young) expect(timeMs).toBeGreaterThanOrEqual(fromMs)
          stored.push({ trueMs, timeMs: bench.clock.now() })
        }
        const pass = (passMs: number): void => {
          bench.clock.advance(passMs)
          trueMs += passMs
          look()
        }
        const step = (stepMs: number): void => {
          bench.clock.stepWall(stepMs)
          look()
        }
        look()
        for (const each of actions) {
          if (each.kind === 'pass') pass(each.passMs)
          else if (each.kind === 'step') step(each.stepMs)
          else {
            bench = reopen(bench, each.awayMs + each.wrongMs)
            trueMs += each.awayMs
            look()
            pass(each.mendMs)
            if (each.wrongMs > 0) step(-each.wrongMs)
          }
        }
        pass(DOUBT_MS)
        pass(KEPT_HOURS * HOUR_MS)
        expect(bench.clock.now() - bench.guard.now(KEPT_HOURS)).toBeLessThanOrEqual(MINUTE_MS)
      }),
      { numRuns: 300 },
    )
  })
})
