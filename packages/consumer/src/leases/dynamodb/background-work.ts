/**
 * Work that goes on beside the calls that want it, one at a time: what a store is asked it does also when nobody waits for it any
 * more, so who began again each time that it was late would have the store work for nobody.
 */
import { type Clock, deferred, untilAborted } from '@millrace/std'

export class BackgroundWork {
  readonly #clock: Clock
  #underWay: Promise<void> | undefined
  /** Nobody has been told yet. */
  #failure: { readonly error: unknown } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Not beside what is under way, nor before somebody was told of its failure. */
  begin(work: () => Promise<void>): void {
    if (this.#failure === undefined) this.#underWay ??= this.#run(work)
  }

  /**
   * Until what is under way has ended, `waitMs` at most; `undefined`: as long as the signal lets it. Rejects with what has failed since
   * the last time, and with the signal's reason.
   */
  async wait(waitMs: number | undefined, signal: AbortSignal): Promise<void> {
    const isOver = deferred<void>()
    const timer = waitMs === undefined ? undefined : this.#clock.setTimer(waitMs, isOver.resolve)
    try {
      await untilAborted(Promise.race([this.#underWay, isOver.promise]), signal)
    } finally {
      timer?.cancel()
    }
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure = { error }
    }
    this.#underWay = undefined
  }
}
