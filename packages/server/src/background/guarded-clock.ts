/**
 * The time by which records expire. A wall clock that steps forward must hide and delete nothing early, so this one
 * follows the wall clock only as long as it agrees with the monotonic one: after a step of more than a minute it goes
 * on from where it was, and stays behind until the service is opened again. A step back is followed at once, since it
 * only keeps records longer.
 *
 * A clock that was wrong already when the service opened is caught by the records: if it is more than a day past the
 * newest one, time goes on from that one for ten minutes, long enough to look at the warning.
 */
import type { Clock, Logger } from '@millrace/std'

/** NTP slews a clock by far less between two looks. */
const STEP_MAX_MS = 60_000
const NEWEST_AGE_MAX_MS = 24 * 3_600_000
const OPENING_DOUBT_MS = 10 * 60_000

export interface GuardedClockOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Arrival time of the newest record there is, ms since the epoch; `undefined` if there is none. */
  readonly newestMs: number | undefined
}

export class GuardedClock {
  readonly #clock: Clock
  readonly #logger: Logger
  /** Where both clocks stood when they last agreed. */
  #wallMs: number
  #monotonicMs: number
  /** Until then (monotonic), a wall clock far past the newest record is in doubt. */
  #doubtUntilMs: number | undefined
  #stepped = false

  constructor(options: GuardedClockOptions) {
    this.#clock = options.clock
    this.#logger = options.logger
    const wallMs = options.clock.now()
    this.#wallMs = wallMs
    this.#monotonicMs = options.clock.monotonic()
    const { newestMs } = options
    if (newestMs === undefined || wallMs - newestMs <= NEWEST_AGE_MAX_MS) return
    this.#wallMs = newestMs
    this.#doubtUntilMs = this.#monotonicMs + OPENING_DOUBT_MS
    this.#logger.warn('the clock is more than a day past the newest record: nothing expires for ten minutes', {
      newest: new Date(newestMs).toISOString(),
      clock: new Date(wallMs).toISOString(),
    })
  }

  /** Ms since the epoch. */
  now(): number {
    const wallMs = this.#clock.now()
    const monotonicMs = this.#clock.monotonic()
    const expectedMs = this.#wallMs + (monotonicMs - this.#monotonicMs)
    if (this.#doubtUntilMs !== undefined) {
      if (monotonicMs < this.#doubtUntilMs) return Math.min(wallMs, expectedMs)
      this.#doubtUntilMs = undefined
    } else if (wallMs - expectedMs > STEP_MAX_MS) {
      if (!this.#stepped) {
        this.#logger.warn('the clock stepped forward: records expire by the time before the step until a restart', {
          steppedMs: Math.round(wallMs - expectedMs),
        })
      }
      this.#stepped = true
      return expectedMs
    }
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    this.#stepped = false
    return wallMs
  }
}
