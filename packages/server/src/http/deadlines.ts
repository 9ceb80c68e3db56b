/**
 * Deadlines by the thousand on one timer: each request and connection has one, almost none is ever reached, so they
 * are looked at a few times a second instead of each arming a timer of its own. A deadline fires up to one tick late.
 */
import type { Clock, Timer } from '@millrace/std'

/** How often deadlines are looked at: late by 250 ms matters to nobody whose limit is in seconds. */
export const DEADLINE_TICK_MS = 250

export interface Deadline {
  /** Starts anew, with another delay and another consequence. */
  restart(delayMs: number, onExpired: () => void): void
  /** Twice is fine. */
  cancel(): void
}

interface Entry {
  dueMs: number
  onExpired: () => void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #entries = new Set<Entry>()
  #timer: Timer | undefined

  constructor(clock: Clock, tickMs = DEADLINE_TICK_MS) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  start(delayMs: number, onExpired: () => void): Deadline {
    const entry: Entry = { dueMs: this.#clock.monotonic() + delayMs, onExpired }
    this.#add(entry)
    return {
      restart: (nextDelayMs, next) => {
        entry.dueMs = this.#clock.monotonic() + nextDelayMs
        entry.onExpired = next
        this.#add(entry)
      },
      cancel: () => void this.#entries.delete(entry),
    }
  }

  #add(entry: Entry): void {
    this.#entries.add(entry)
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#clock.setTimer(this.#tickMs, () => this.#tick(), { unref: true })
  }

  #tick(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    for (const entry of this.#entries) {
      if (entry.dueMs > now) continue
      this.#entries.delete(entry)
      entry.onExpired()
    }
    if (this.#entries.size > 0) this.#arm()
  }
}
