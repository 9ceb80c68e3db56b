/** Between what hears of news and the beat of a store that waits for it. */
import { type Clock, deferred, type Deferred, untilAborted } from '@millrace/std'

export class NewsBell {
  readonly #clock: Clock
  #isRung = false
  #waiting: Deferred<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From here on news is remembered for `wait`. */
  arm(): void {
    this.#isRung = false
  }

  ring(): void {
    this.#isRung = true
    this.#waiting?.resolve()
  }

  /** Until it rings, `waitMs` at most. False: the time is over, and nothing was heard. */
  async wait(waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#isRung) return true
    const waiting = deferred<void>()
    this.#waiting = waiting
    const timer = this.#clock.setTimer(waitMs, waiting.resolve)
    try {
      await untilAborted(waiting.promise, signal)
    } finally {
      timer.cancel()
    }
    return this.#isRung
  }
}
