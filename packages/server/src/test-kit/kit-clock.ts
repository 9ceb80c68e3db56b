/**
 * The time that a service under test lives by: another clock's, and as much more as was asked for. A timer fires when
 * either has brought it due. Invariant: the monotonic scale never steps back, also when the wall clock is put right.
 */
import { type Clock, systemClock, type Timer } from '@millrace/std'

interface PendingTimer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

export class KitClock implements Clock {
  readonly #base: Clock
  /** How far this clock is ahead of its base. */
  #aheadMs = 0
  /** How much of that the wall clock does not show. */
  #forgottenMs = 0
  #order = 0
  readonly #pending = new Set<PendingTimer>()
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
    const timer = { dueMs: this.monotonic() + Math.max(0, delayMs), order: this.#order++, callback }
    this.#pending.add(timer)
    if (this.#alarm === undefined || timer.dueMs < this.#alarm.dueMs) this.#setAlarm(timer.dueMs)
    return { cancel: () => void this.#pending.delete(timer) }
  }

  /** Moves time forward by `ms`, firing what falls due on the way, in its order and at its own moment. */
  step(ms: number): void {
    const targetMs = this.#aheadMs + ms
    for (let next = this.#first(); next !== undefined; next = this.#first()) {
      const aheadMs = next.dueMs - this.#base.monotonic()
      if (aheadMs > targetMs) break
      this.#aheadMs = Math.max(this.#aheadMs, aheadMs)
      this.#fire(next)
    }
    this.#aheadMs = targetMs
    this.#rearm()
  }

  /** The wall clock shows its base's time again. No timer fires, and none is moved. */
  resetWall(): void {
    this.#forgottenMs = this.#aheadMs
  }

  #fire(timer: PendingTimer): void {
    this.#pending.delete(timer)
    timer.callback()
  }

  #first(): PendingTimer | undefined {
    let first: PendingTimer | undefined
    for (const timer of this.#pending) {
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      )
        first = timer
    }
    return first
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
    for (let next = this.#first(); next !== undefined && next.dueMs <= nowMs; next = this.#first()) this.#fire(next)
    this.#rearm()
  }

  #rearm(): void {
    this.#alarm?.timer.cancel()
    this.#alarm = undefined
    const next = this.#first()
    if (next !== undefined) this.#setAlarm(next.dueMs)
  }
}
