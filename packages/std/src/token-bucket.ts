/**
 * A token bucket filled lazily from the time that has passed: no timers, two numbers of state.
 * It starts full, and never holds more than `capacity`.
 */
export class TokenBucket {
  readonly #ratePerMs: number
  readonly #capacity: number
  #tokens: number
  #filledAtMs: number

  /** `ratePerSecond` tokens flow in each second; `nowMs` must come from a monotonic clock. */
  constructor(ratePerSecond: number, capacity: number, nowMs: number) {
    this.#ratePerMs = ratePerSecond / 1000
    this.#capacity = capacity
    this.#tokens = capacity
    this.#filledAtMs = nowMs
  }

  /** Takes `amount` tokens if there are as many, and says whether it did. */
  take(amount: number, nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens < amount) return false
    this.#tokens -= amount
    return true
  }

  /** Takes `amount` whatever is there: the balance may go below zero, and later takers wait until it is paid. */
  charge(amount: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#tokens -= amount
  }

  /** The balance at `nowMs`; below zero after an overdraft. */
  available(nowMs: number): number {
    this.#fill(nowMs)
    return this.#tokens
  }

  /** It could not hold more: one made anew would be the same. */
  isFull(nowMs: number): boolean {
    return this.available(nowMs) >= this.#capacity
  }

  #fill(nowMs: number): void {
    const elapsedMs = nowMs - this.#filledAtMs
    if (elapsedMs <= 0) return
    this.#tokens = Math.min(this.#capacity, this.#tokens + elapsedMs * this.#ratePerMs)
    this.#filledAtMs = nowMs
  }
}
