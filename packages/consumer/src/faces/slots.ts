/** So many at a time; who comes first, begins first. */
import { type Deferred, deferred } from '@millrace/std'

export class Slots {
  readonly #max: number
  readonly #stopping: AbortSignal
  readonly #waiting: Deferred<void>[] = []
  #taken = 0

  /** Nobody begins after `stopping`. */
  constructor(max: number, stopping: AbortSignal) {
    this.#max = max
    this.#stopping = stopping
    const turnAway = (): void => this.#waiting.splice(0).forEach((turn) => turn.reject(stopping.reason))
    stopping.addEventListener('abort', turnAway, { once: true })
  }

  /** Rejects with the reason of `stopping`. How many wait is bounded by the caller. */
  async in<Result>(run: () => Promise<Result>): Promise<Result> {
    this.#stopping.throwIfAborted()
    if (this.#taken < this.#max) this.#taken++
    else await this.#turn()
    try {
      this.#stopping.throwIfAborted()
      return await run()
    } finally {
      this.#leave()
    }
  }

  /** Whoever leaves hands its slot over. */
  #turn(): Promise<void> {
    const turn = deferred<void>()
    this.#waiting.push(turn)
    return turn.promise
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next.resolve()
  }
}
