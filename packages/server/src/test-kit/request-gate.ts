/**
 * Keeps requests out while time is moved or everything is made anew, so that none is half in one world and half in the
 * next. How many wait is bounded by the front door, which counts them as requests.
 */
import { type Clock, type Deferred, deferred, sleep } from '@millrace/std'

/** How long those under way are waited for. What takes longer waits for time itself, and goes on with it. */
const QUIET_WAIT_MS = 1_000

export class RequestGate {
  readonly #clock: Clock
  #underWay = 0
  #closed: Deferred<void> | undefined
  #onQuiet: () => void = () => {}
  #abandon = new AbortController()

  /** `clock`: the machine's, since this is about real requests. */
  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Requests are under way. */
  get isBusy(): boolean {
    return this.#underWay > 0
  }

  /** Aborted when what waits now is not wanted any more. */
  get abandoned(): AbortSignal {
    return this.#abandon.signal
  }

  /** Runs a request, once the gate is open. */
  async pass<T>(run: () => Promise<T>): Promise<T> {
    while (this.#closed !== undefined) await this.#closed.promise
    this.#underWay++
    try {
      return await run()
    } finally {
      this.#leave()
    }
  }

  /** A request that waits for this is not under way meanwhile. */
  async setAside(waiting: Promise<void>): Promise<void> {
    this.#leave()
    try {
      await waiting
    } finally {
      this.#underWay++
    }
  }

  /** Runs `task` while nobody passes, once those under way are done, or after a second. */
  async whileClosed<T>(task: () => Promise<T>): Promise<T> {
    const closed = (this.#closed = deferred<void>())
    try {
      await this.#quiet()
      return await task()
    } finally {
      this.#closed = undefined
      closed.resolve()
    }
  }

  /** Ends the waits of those who were set aside. */
  abandon(): void {
    this.#abandon.abort(new Error('the test kit was reset'))
    this.#abandon = new AbortController()
  }

  #leave(): void {
    this.#underWay--
    if (this.#underWay === 0) this.#onQuiet()
  }

  async #quiet(): Promise<void> {
    if (this.#underWay === 0) return
    const waited = new AbortController()
    const quiet = new Promise<void>((resolve) => (this.#onQuiet = resolve))
    const late = sleep(this.#clock, QUIET_WAIT_MS, waited.signal).catch(() => undefined)
    await Promise.race([quiet, late])
    waited.abort(new Error('quiet'))
    this.#onQuiet = () => {}
  }
}
