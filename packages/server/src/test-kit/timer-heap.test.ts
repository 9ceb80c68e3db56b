import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { type PendingTimer, TimerHeap } from './timer-heap.ts'

describe('TimerHeap', () => {
  it('fires what was not cancelled by its time, and that of one moment in the order in which it was set', () => {
    const commands = fc.array(fc.oneof(fc.nat(20), fc.constantFrom('fire', 'cancel', 'cancel')), { maxLength: 400 })
    fc.assert(
      fc.property(commands, fc.infiniteStream(fc.nat()), (given, draws) => {
        const heap = new TimerHeap()
        const waiting: { readonly dueMs: number; readonly name: number; readonly timer: PendingTimer }[] = []
        const fired: number[] = []
        const expected: number[] = []
        for (const [name, command] of given.entries()) {
          if (typeof command === 'number') {
            const timer = heap.add(command, () => fired.push(name))
            waiting.push({ dueMs: command, name, timer })
          } else if (waiting.length > 0 && command === 'cancel') {
            const [{ timer }] = waiting.splice(Number(draws.next().value) % waiting.length, 1) as [(typeof waiting)[0]]
            heap.cancel(timer)
            heap.cancel(timer)
          } else if (waiting.length > 0) {
            const first = waiting.reduce((best, each) => (each.dueMs < best.dueMs ? each : best))
            waiting.splice(waiting.indexOf(first), 1)
            expected.push(first.name)
            heap.fireFirst()
            heap.cancel(first.timer)
          }
          const dueMs = Math.min(...waiting.map((each) => each.dueMs))
          expect(heap.firstDueMs).toBe(dueMs === Infinity ? undefined : dueMs)
        }
        expect(fired).toEqual(expected)
      }),
    )
  })

  it('does not look at each of 30,000 timers for each that fires or is cancelled', () => {
    const heap = new TimerHeap()
    let fired = 0
    for (let i = 0; i < 30_000; i++) heap.add(i % 1_000, () => fired++)
    for (let i = 0; i < 30_000; i++) heap.cancel(heap.add(2_000, () => fired++))
    while (heap.firstDueMs !== undefined) heap.fireFirst()
    // By looking at each it would take half a minute.
    expect(fired).toBe(30_000)
  })
})
