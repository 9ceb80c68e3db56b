/** The machine's clock, which a test can make jump ahead: what is due by then happens at once. */
import { type Clock, systemClock, type Timer } from '@millrace/std'

interface Pending {
  readonly dueMs: number
  readonly fire: () => void
}

export class JumpingClock implements Clock {
  #aheadMs = 0
  readonly #pending = new Set<Pending>()

  now(): number {
    return systemClock.now() + this.#aheadMs
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#aheadMs
  }

  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): Timer {
    const fire = (): void => {
      timer.cancel()
      if (this.#pending.delete(pending)) callback()
    }
    const pending = { dueMs: this.monotonic() + delayMs, fire }
    this.#pending.add(pending)
    const timer = systemClock.setTimer(delayMs, fire, options)
    return {
      cancel: () => {
        timer.cancel()
        this.#pending.delete(pending)
      },
    }
  }

  jump(ms: number): void {
    this.#aheadMs += ms
    const nowMs = this.monotonic()
    const due = [...this.#pending].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs)
    for (const { fire } of due) fire()
  }
}
