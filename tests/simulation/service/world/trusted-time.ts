/**
 * Between what bounds the service may take the time to be, as its documents say it decides: the wall clock at its
 * start; a later step forward of more than a minute is not followed, one back is; ten minutes of doubt after a start.
 * Written from the promise, not from the code: the checker judges expiry by it.
 */
import type { VirtualClock } from '@millrace/std/testing'
import type { TimeBounds } from '../history/events.ts'

/** The service's clock follows smaller steps, and one look may see several of them. */
const FOLLOWED_MS = 60_000
/** Doubt, and the time until somebody looks. */
const DOUBT_MS = 12 * 60_000

export class TrustedTime {
  #clock: VirtualClock
  #openedMs = 0
  #earliestMs = 0
  #latestMs = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.restart(clock)
  }

  /** A server starts. `others` go on meanwhile, with what they believe. */
  restart(clock: VirtualClock, others = false): void {
    const earliestMs = others ? Math.min(this.#earliestMs + this.#elapsedMs, clock.now()) : clock.now()
    const latestMs = others ? Math.max(this.#latestMs + this.#elapsedMs, clock.now()) : clock.now()
    this.#clock = clock
    this.#openedMs = clock.monotonic()
    this.#earliestMs = earliestMs
    this.#latestMs = latestMs
  }

  /** Call after the wall clock has stepped by so much. */
  stepped(ms: number): void {
    const isYoung = this.#elapsedMs < DOUBT_MS
    if (ms < 0) this.#earliestMs += ms
    this.#latestMs += isYoung ? Math.max(ms, FOLLOWED_MS) : FOLLOWED_MS
  }

  /** Call for the little that the wall clock gains or loses all the time. */
  drifted(ms: number): void {
    if (ms < 0) this.#earliestMs += ms
    else this.#latestMs += ms
  }

  bounds(): TimeBounds {
    const elapsedMs = this.#elapsedMs
    return {
      earliestMs: elapsedMs < DOUBT_MS ? Number.NEGATIVE_INFINITY : this.#earliestMs + elapsedMs,
      latestMs: this.#latestMs + elapsedMs,
    }
  }

  get #elapsedMs(): number {
    return this.#clock.monotonic() - this.#openedMs
  }
}
