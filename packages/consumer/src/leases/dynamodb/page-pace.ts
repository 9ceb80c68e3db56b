/**
 * How a large table is read from a store that is slow: in small pages, with rests between them. What is asked beside it, a worker's
 * session before all, waits for a page at most, not for a table.
 */
import { type Clock, sleep } from '@millrace/std'
import { withinMs } from '../within-ms.ts'

/** Of the first page, and of the largest. AWS would give some 2,000 leases in one. */
const ITEMS_MAX = 200
const ITEMS_MIN = 10
/** No smaller pages than a table has so many of, however large it is: each has its rest, and who reads is to come to the end. */
const PAGES_MAX = 20
/**
 * A page is too large that takes so much longer than a small call: where those take as long, the way is long, or the worker's own
 * machine busy, and smaller pages would only be more of them. Half of it has no rest.
 */
const SLOW_MS = 100
/** A page that is not answered by then has failed, and the read with it. */
const CALL_MS_MAX = 10_000
/**
 * A rest is so many times as long as the page took: no worker has the store at work for its reads for more than a fourth of the
 * time. Where many together ask for more than it can do, each page comes as late as without rests, but waits in the worker, in nobody's way.
 */
const REST_SHARE = 3
const REST_MS_MAX = 10_000

export class PagePace {
  readonly #clock: Clock
  #items = ITEMS_MAX
  #smallMs = 0
  #itemsMin = ITEMS_MIN
  #restUntilMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `read` is told how many items the page is to have at most. */
  async page<T>(read: (items: number, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const restMs = this.#restUntilMs - this.#clock.monotonic()
    if (restMs > 0) await sleep(this.#clock, restMs, signal)
    const startMs = this.#clock.monotonic()
    try {
      return await withinMs(this.#clock, CALL_MS_MAX, signal, (within) => read(this.#items, within))
    } finally {
      this.#took(this.#clock.monotonic() - startMs)
    }
  }

  /** A small call took so long. */
  small(tookMs: number): void {
    this.#smallMs = tookMs
  }

  /** The table was read to its end. */
  read(items: number): void {
    this.#itemsMin = Math.max(ITEMS_MIN, Math.ceil(items / PAGES_MAX))
    this.#items = Math.max(this.#items, this.#itemsMin)
  }

  #took(tookMs: number): void {
    const delayMs = tookMs - this.#smallMs
    if (delayMs > SLOW_MS) this.#items = Math.max(this.#itemsMin, this.#items >> 1)
    else if (delayMs < SLOW_MS / 2) this.#items = Math.min(Math.max(ITEMS_MAX, this.#itemsMin), this.#items * 2)
    if (delayMs >= SLOW_MS / 2) this.#restUntilMs = this.#clock.monotonic() + Math.min(REST_SHARE * tookMs, REST_MS_MAX)
  }
}
