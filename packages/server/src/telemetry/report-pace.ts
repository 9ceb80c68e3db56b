/**
 * Keeps what happens again and again from filling the log: a thing is reported at once, then at most once a minute,
 * with how often it was held back. Counting is for metrics; nothing is lost there.
 */
import type { Clock } from '@millrace/std'

/** Between two reports of one thing. */
export const REPORT_EVERY_MS = 60_000
/** Things remembered; the one reported longest ago is forgotten first, and would be reported again. */
const THINGS_MAX = 1024

export class ReportPace {
  readonly #clock: Clock
  /** In the order of their last report. */
  readonly #things = new Map<string, { readonly againMs: number; heldBack: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `report` if `thing` is due, with how many were held back since the last time. */
  report(thing: string, report: (heldBack: number) => void): void {
    const nowMs = this.#clock.monotonic()
    const known = this.#things.get(thing)
    if (known !== undefined && nowMs < known.againMs) {
      known.heldBack++
      return
    }
    this.#things.delete(thing)
    this.#things.set(thing, { againMs: nowMs + REPORT_EVERY_MS, heldBack: 0 })
    const [oldest] = this.#things.keys()
    if (this.#things.size > THINGS_MAX && oldest !== undefined) this.#things.delete(oldest)
    report(known?.heldBack ?? 0)
  }
}
