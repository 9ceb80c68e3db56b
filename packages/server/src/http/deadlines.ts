/**
 * Deadlines by the thousand on one timer: each request and connection has one, almost none is ever reached, so they
 * are looked at a few times a second instead of each arming a timer of its own. A deadline fires up to one tick late.
 */
import { type Clock, type Linked, LinkedSet, type Timer } from '@millrace/std'

/** How often deadlines are looked at: late by 250 ms matters to nobody whose limit is in seconds. */
export const DEADLINE_TICK_MS = 250

export interface Deadline {
  /** Starts anew, with another delay and another consequence. */
  restart(delayMs: number, onExpired: () => void): void
  /** Twice is fine. */
  cancel(): void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #entries = new LinkedSet<Entry>()
  #timer: Timer | undefined

  constructor(clock: Clock, tickMs = DEADLINE_TICK_MS) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  start(delayMs: number, onExpired: () => void): Deadline {
    const entry = new Entry(this, onExpired)
    this.set(entry, delayMs, onExpired)
    return entry
  }

  /** For entries alone. */
  set(entry: Entry, delayMs: number, onExpired: () => void): void {
    entry.dueMs = this.#clock.monotonic() + delayMs
    entry.onExpired = onExpired
    this.#entries.add(entry)
    if (this.#timer === undefined) this.#arm()
  }

  /** For entries alone. */
  delete(entry: Entry): void {
    this.#entries.delete(entry)
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(this.#tickMs, () => this.#tick(), { unref: true })
  }

  #tick(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    for (const entry of this.#entries.items()) {
      // One before it may have cancelled it, or started it anew.
      if (entry.dueMs > now || !this.#entries.has(entry)) continue
      this.#entries.delete(entry)
      entry.onExpired()
    }
    if (this.#entries.first !== undefined && this.#timer === undefined) this.#arm()
  }
}

/** Of a class, not closures: every request makes one (bench: PutRecord). */
class Entry implements Deadline, Linked<Entry> {
  readonly #deadlines: Deadlines
  before: Entry | undefined
  after: Entry | undefined
  dueMs = 0
  onExpired: () => void

  constructor(deadlines: Deadlines, onExpired: () => void) {
    this.#deadlines = deadlines
    this.onExpired = onExpired
  }

  restart(delayMs: number, onExpired: () => void): void {
    this.#deadlines.set(this, delayMs, onExpired)
  }

  cancel(): void {
    this.#deadlines.delete(this)
  }
}
