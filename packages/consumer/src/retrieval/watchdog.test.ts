import { VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  conditionOf,
  type DemandEvent,
  dueOf,
  firstState,
  type LineEvent,
  type ReaderCondition,
  step,
  Watchdog,
  type WatchdogLimits,
  type WatchState,
} from './watchdog.ts'

const limits: WatchdogLimits = { silenceMs: 10_000, slowProcessorMs: 60_000, noDemandMs: 30_000 }
type Event = DemandEvent | LineEvent

interface Watch {
  readonly clock: VirtualClock
  readonly watchdog: Watchdog
  readonly told: ReaderCondition[]
  readonly logged: string[]
  readonly cutAtMs: number[]
  /** Events, and numbers for time that passes. */
  play(...steps: readonly (Event | number)[]): ReaderCondition
}

function setUp(): Watch {
  const clock = new VirtualClock()
  const told: ReaderCondition[] = []
  const logged: string[] = []
  const cutAtMs: number[] = []
  const log = (level: string) => (message: string) => void logged.push(`${level}: ${message}`)
  const watchdog = new Watchdog({
    limits,
    clock,
    logger: { debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') },
    shard: { stream: 's', shardId: 'shardId-000000000000' },
    onCondition: (condition) => told.push(condition),
    onSilence: () => cutAtMs.push(clock.monotonic()),
  })
  const play: Watch['play'] = (...steps) => {
    for (const each of steps) {
      if (typeof each === 'number') clock.advance(each)
      else watchdog.saw(each)
    }
    return watchdog.condition
  }
  return { clock, watchdog, told, logged, cutAtMs, play }
}

describe('Watchdog', () => {
  it('calls it no data when heartbeats come with nothing in them, for as long as they do', () => {
    const { play, told, cutAtMs } = setUp()
    play('asked', 'opened')
    for (let i = 0; i < 100; i++) play(9_000, 'heartbeat', 'gave-nothing', 'asked')
    expect(told).toEqual(['no-data'])
    expect(cutAtMs).toEqual([])
    expect(play('records', 'gave-records')).toBe('flowing')
  })

  it('calls it no demand when nobody asks, whatever is heard', () => {
    const { play, told, cutAtMs } = setUp()
    expect(play('asked', 'opened', 'heartbeat', 'gave-nothing', 29_999)).toBe('no-data')
    expect(play(1)).toBe('no-demand')
    expect(play('heartbeat', 100_000, 'records', 100_000)).toBe('no-demand')
    expect(play('asked')).toBe('flowing')
    expect(told).toEqual(['no-data', 'no-demand', 'flowing'])
    expect(cutAtMs).toEqual([])
  })

  it('calls a processor slow that has records for longer than the limit, and cuts nothing', () => {
    const { play, logged, cutAtMs } = setUp()
    expect(play('asked', 'opened', 'records', 'gave-records', 59_999)).toBe('flowing')
    expect(play(1)).toBe('slow-processor')
    play(600_000, 'heartbeat', 600_000)
    expect(cutAtMs).toEqual([])
    expect(play('asked')).toBe('no-data')
    expect(logged).toEqual(['warn: reading a shard: slow-processor', 'info: reading a shard: no-data'])
  })

  it('calls a connection dead on which nothing is heard while somebody asks, cuts it, and says so once', () => {
    const { play, logged, cutAtMs } = setUp()
    expect(play('asked', 'opened', 5_000, 'heartbeat', 9_999)).toBe('no-data')
    expect(play(1)).toBe('dead-connection')
    expect(play('opened', 10_000, 'opened', 10_000)).toBe('dead-connection')
    expect(cutAtMs).toEqual([15_000, 25_000, 35_000])
    expect(play('opened', 'records')).toBe('flowing')
    expect(logged).toEqual(['warn: reading a shard: dead-connection', 'info: reading a shard: flowing'])
  })

  it('counts silence from when somebody asks, and not while no call is open', () => {
    const { play, cutAtMs } = setUp()
    play('asked', 'opened', 'records', 'gave-records', 50_000, 'asked', 9_999, 'records', 'closed', 50_000)
    play('opened', 'trouble', 50_000)
    expect(cutAtMs).toEqual([])
    play('opened', 10_000)
    expect(cutAtMs).toHaveLength(1)
  })

  it('tells troubles apart from silence', () => {
    const { play } = setUp()
    expect(play('asked', 'opened', 'trouble', 100_000)).toBe('troubled')
    expect(play('opened', 'heartbeat')).toBe('no-data')
  })

  it('keeps no timer when it is let go of', () => {
    const { clock, watchdog, play } = setUp()
    play('asked', 'opened')
    watchdog[Symbol.dispose]()
    play('gave-records', 'asked')
    expect(clock.pendingTimers).toBe(0)
  })

  it('is total: from every state every event leads to a state that has a condition, and only silence calls for a cut', () => {
    const events: readonly Event[] = [
      'asked',
      'gave-records',
      'gave-nothing',
      'late',
      'opened',
      'closed',
      'records',
      'heartbeat',
      'trouble',
      'silence',
    ]
    const seen = new Map<string, WatchState>()
    const queue = [firstState(0)]
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      const key = `${state.demand} ${state.line} ${state.isOpen}`
      if (seen.has(key)) continue
      seen.set(key, state)
      expect(conditionOf(state)).toBeTypeOf('string')
      const due = dueOf(state, limits)
      if (due?.event === 'silence') expect([state.demand, state.isOpen]).toEqual(['asked', true])
      for (const event of events) queue.push(step(state, event, 0))
    }
    expect(new Set([...seen.values()].map(conditionOf)).size).toBe(6)
    expect(seen.size).toBe(5 * 5 * 2)
  })

  it('fires what is due at its moment, however its timer was put off', () => {
    const event = fc.constantFrom<Event>('asked', 'gave-records', 'gave-nothing', 'opened', 'closed', 'heartbeat')
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(40_000)), { maxLength: 30 }), (steps) => {
        const { clock, play, watchdog, cutAtMs } = setUp()
        let model = firstState(0)
        const cuts: number[] = []
        for (const [each, ms] of steps) {
          play(each, ms)
          const endMs = clock.monotonic()
          model = step(model, each, endMs - ms)
          for (let due = dueOf(model, limits); due !== undefined && due.atMs <= endMs; due = dueOf(model, limits)) {
            if (due.event === 'silence') cuts.push(due.atMs)
            model = step(model, due.event, due.atMs)
          }
          expect(watchdog.condition).toBe(conditionOf(model))
        }
        expect(cutAtMs).toEqual(cuts)
      }),
    )
  })
})
