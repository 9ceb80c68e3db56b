/**
 * A clock that moves only when told to. Timers fire in order of their time, and those of one moment in the order
 * in which they were set.
 */
import type { Clock, Timer } from '../clock.ts'

interface PendingTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

export class VirtualClock implements Clock {
  #monotonicMs = 0
  #wallOffsetMs: number
  #order = 0
  readonly #pending = new Set<PendingTimer>()

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
    const timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#pending.add(timer)
    return { cancel: () => void this.#pending.delete(timer) }
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#pending.size
  }

  /** When the next timer is due, on the monotonic scale, or `undefined` if none waits. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs
  }

  /** Moves time forward by `ms`, firing every timer that falls due on the way at its own moment. */
  advance(ms: number): void {
    const target = this.#monotonicMs + ms
    for (let next = this.#next(); next !== undefined && next.dueMs <= target; next = this.#next()) {
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs)
      this.#pending.delete(next)
      next.callback()
    }
    this.#monotonicMs = target
  }

  /** Steps the wall clock by `ms` (either way) without any time passing: no timer fires. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  #next(): PendingTimer | undefined {
    let best: PendingTimer | undefined
    for (const timer of this.#pending) {
      if (best === undefined || timer.dueMs < best.dueMs || (timer.dueMs === best.dueMs && timer.order < best.order))
        best = timer
    }
    return best
  }
}
