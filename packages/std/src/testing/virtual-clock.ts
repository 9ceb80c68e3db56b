/**
 * A clock that moves only when told to. Timers fire in order of their time, and those of one moment in the order
 * in which they were set.
 */
import type { Clock, Timer } from '../clock.ts'
import { type PendingTimer, TimerHeap } from './timer-heap.ts'

export class VirtualClock implements Clock {
  #monotonicMs = 0
  #wallOffsetMs: number
  #order = 0
  readonly #pending = new TimerHeap()
  #waiting = 0

  /** `startMs`: the wall-clock time at the start, ms since the epoch. */
  constructor(startMs = 1_700_000_000_000) {
    this.#wallOffsetMs = startMs
  }

  now(): number {
    return this.#wallOffsetMs + this.#monotonicMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#pending.push(timer)
    this.#waiting++
    return { cancel: () => void this.#take(timer) }
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#waiting
  }

  /** When the next timer is due, on the monotonic scale, or `undefined` if none waits. */
  get nextDueMs(): number | undefined {
    return this.#pending.peek()?.dueMs
  }

  /** Moves time forward by `ms`, firing every timer that falls due on the way at its own moment. */
  advance(ms: number): void {
    const target = this.#monotonicMs + ms
    for (let next = this.#pending.peek(); next !== undefined && next.dueMs <= target; next = this.#pending.peek()) {
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs)
      this.#pending.pop()
      this.#take(next)?.()
    }
    this.#monotonicMs = target
  }

  /** Steps the wall clock by `ms` (either way) without any time passing: no timer fires. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** What it would call; it does so once at most. */
  #take(timer: PendingTimer): (() => void) | undefined {
    const { callback } = timer
    timer.callback = undefined
    if (callback !== undefined) this.#waiting--
    return callback
  }
}
