/**
 * One timer for everything that waits with a deadline: set for the earliest, moved on when it fires. Requests mostly
 * settle long before, so the timer is mostly never touched.
 */
import { type Clock, type Linked, LinkedSet, type Timer } from '@millrace/std'

export interface Expiring {
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number
}

/** A timer further ahead than this is set again on the way. */
const TIMER_MS_MAX = 3_600_000

export class Deadlines<T extends Expiring & Linked<T>> {
  readonly #clock: Clock
  readonly #onExpired: (item: T) => void
  readonly #items = new LinkedSet<T>()
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onExpired: (item: T) => void) {
    this.#clock = clock
    this.#onExpired = onExpired
  }

  add(item: T): void {
    this.#items.add(item)
    if (item.deadlineMs < this.#timerDueMs) this.#set(item.deadlineMs)
  }

  delete(item: T): void {
    this.#items.delete(item)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerDueMs = Number.POSITIVE_INFINITY
  }

  #set(dueMs: number): void {
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    const delayMs = Math.min(Math.max(0, dueMs - this.#clock.monotonic()), TIMER_MS_MAX)
    this.#timer = this.#clock.setTimer(delayMs, () => this.#sweep(), { unref: true })
  }

  #sweep(): void {
    this.stop()
    const nowMs = this.#clock.monotonic()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const item of this.#items.items()) {
      // What expired before it may have settled it.
      if (!this.#items.has(item)) continue
      if (item.deadlineMs <= nowMs) {
        this.#items.delete(item)
        this.#onExpired(item)
      } else if (item.deadlineMs < earliestMs) {
        earliestMs = item.deadlineMs
      }
    }
    if (earliestMs < this.#timerDueMs) this.#set(earliestMs)
  }
}
