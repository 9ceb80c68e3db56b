/**
 * The time that a service under test lives by: another clock's, and as much more as was asked for. A timer fires when
 * either has brought it due. Invariant: the monotonic scale never steps back, also when the wall clock is put right.
 */
import { type Clock, systemClock, type Timer } from '@millrace/std'

import { TimerHeap } from './timer-heap.ts'

export class KitClock implements Clock {
  readonly #base: Clock
  /** How far this clock is ahead of its base. */
  #aheadMs = 0
  /** How much of that the wall clock does not show. */
  #forgottenMs = 0
  readonly #pending = new TimerHeap()
  /** Set on the base for the timer that is due first, or for one before it. */
  #alarm: { readonly dueMs: number; readonly timer: Timer } | undefined

  constructor(base: Clock = systemClock) {
    this.#base = base
  }

  now(): number {
    return this.#base.now() + this.#aheadMs - this.#forgottenMs
  }

  monotonic(): number {
    return this.#base.monotonic() + this.#aheadMs
  }

  /** Never keeps the process alive: the sockets of a service do, as long as it serves. */
  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = this.#pending.add(this.monotonic() + Math.max(0, delayMs), callback)
    if (this.#alarm === undefined || timer.dueMs < this.#alarm.dueMs) this.#setAlarm(timer.dueMs)
    return { cancel: () => this.#pending.cancel(timer) }
  }

  /** Moves time forward by `ms`, firing what falls due on the way, in its order and at its own moment. */
  step(ms: number): void {
    const targetMs = this.#aheadMs + ms
    for (let dueMs = this.#pending.firstDueMs; dueMs !== undefined; dueMs = this.#pending.firstDueMs) {
      const aheadMs = dueMs - this.#base.monotonic()
      if (aheadMs > targetMs) break
      this.#aheadMs = Math.max(this.#aheadMs, aheadMs)
      this.#pending.fireFirst()
    }
    this.#aheadMs = targetMs
    this.#rearm()
  }

  /** The wall clock shows its base's time again. No timer fires, and none is moved. */
  resetWall(): void {
    this.#forgottenMs = this.#aheadMs
  }

  #setAlarm(dueMs: number): void {
    this.#alarm?.timer.cancel()
    const timer = this.#base.setTimer(
      // A delay beyond 24 days would overflow the machine's timer; what is not due yet is then set again.
      Math.min(Math.max(0, dueMs - this.monotonic()), 2 ** 31 - 1),
      () => this.#ring(),
      { unref: true },
    )
    this.#alarm = { dueMs, timer }
  }

  #ring(): void {
    this.#alarm = undefined
    const nowMs = this.monotonic()
    while ((this.#pending.firstDueMs ?? Infinity) <= nowMs) this.#pending.fireFirst()
    this.#rearm()
  }

  #rearm(): void {
    this.#alarm?.timer.cancel()
    this.#alarm = undefined
    const dueMs = this.#pending.firstDueMs
    if (dueMs !== undefined) this.#setAlarm(dueMs)
  }
}
