/**
 * The difference between our clock and the service's, by the `Date` of its answers. To sign with it is learnt from one that refused a
 * signature: signatures are good for five minutes only (KINESIS.md, section 3); a wrong clock must not end the work.
 */
import type { Clock } from '@millrace/std'

/** Below this, the clock is not what the signature was refused for: `Date` itself is as old as the answer. */
const SKEW_MIN_MS = 60_000

export class ClockSkew {
  readonly #clock: Clock
  #offsetMs = 0
  /** By the last answer. */
  #serviceOffsetMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The service's time, to a second or so, in ms since the epoch; ours until an answer told it. */
  serviceTimeMs(): number {
    return this.#clock.now() + this.#serviceOffsetMs
  }

  /** An answer came. */
  note(date: string | undefined): void {
    const serviceMs = Date.parse(date ?? '')
    if (!Number.isNaN(serviceMs)) this.#serviceOffsetMs = serviceMs - this.#clock.now()
  }

  /** The time to sign with, in ms since the epoch. */
  signingTimeMs(): number {
    return this.#clock.now() + this.#offsetMs
  }

  /** Takes over the service's time if ours is far from it. Says whether signing again will differ. */
  correct(date: string | undefined): boolean {
    const serviceMs = Date.parse(date ?? '')
    if (Number.isNaN(serviceMs) || Math.abs(serviceMs - this.signingTimeMs()) < SKEW_MIN_MS) return false
    this.#offsetMs = serviceMs - this.#clock.now()
    return true
  }
}
