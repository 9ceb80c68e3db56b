import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { KitClock } from './kit-clock.ts'

describe('KitClock', () => {
  it('runs with its base, and is ahead by what it was moved', () => {
    const base = new VirtualClock(1_000)
    const clock = new KitClock(base)
    clock.step(500)
    base.advance(20)
    expect([clock.now(), clock.monotonic()]).toEqual([1_520, 520])
  })

  it('fires what falls due on the way in its order, at its own moment, also what is set meanwhile', () => {
    const clock = new KitClock(new VirtualClock(0))
    const seen: string[] = []
    clock.setTimer(30, () => seen.push(`third@${clock.now()}`))
    clock.setTimer(10, () => {
      seen.push(`first@${clock.now()}`)
      clock.setTimer(5, () => seen.push(`second@${clock.now()}`))
    })
    clock.setTimer(20, () => seen.push('never')).cancel()
    clock.step(29)
    expect(seen).toEqual(['first@10', 'second@15'])
    clock.step(1)
    expect(seen).toEqual(['first@10', 'second@15', 'third@30'])
  })

  it('fires by its base alone, after a step as soon as its own time has come', () => {
    const base = new VirtualClock(0)
    const clock = new KitClock(base)
    const seen: number[] = []
    clock.setTimer(100, () => seen.push(clock.now()))
    clock.step(60)
    base.advance(39)
    expect(seen).toEqual([])
    base.advance(1)
    expect(seen).toEqual([100])
  })

  it('a timer set after a step that left nothing waiting is not late', () => {
    const base = new VirtualClock(0)
    const clock = new KitClock(base)
    clock.setTimer(1_000, () => {})
    clock.step(5_000)
    let fired = false
    clock.setTimer(10, () => (fired = true))
    base.advance(10)
    expect(fired).toBe(true)
  })

  it('waits longer than the machine’s timers can', () => {
    const base = new VirtualClock(0)
    const clock = new KitClock(base)
    let fired = false
    clock.setTimer(2 ** 31 + 5, () => (fired = true))
    base.advance(2 ** 31)
    expect(fired).toBe(false)
    base.advance(5)
    expect(fired).toBe(true)
  })

  it('puts the wall clock right without stepping back the other, and without firing', () => {
    const clock = new KitClock(new VirtualClock(1_000))
    clock.step(500)
    let fired = false
    clock.setTimer(10, () => (fired = true))
    clock.resetWall()
    expect([clock.now(), clock.monotonic(), fired]).toEqual([1_000, 500, false])
    clock.step(10)
    expect([clock.now(), fired]).toEqual([1_010, true])
  })
})
