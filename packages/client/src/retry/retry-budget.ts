/**
 * Tokens that retries of all calls share. While the service is well, the bucket is full; in an outage it empties, and
 * each call then fails on its first error instead of multiplying the load. Costs are those of the AWS SDKs' standard
 * mode.
 */
const RETRY_COST = 5
const TIMEOUT_COST = 10
const SUCCESS_REFUND = 1

export class RetryBudget {
  readonly #capacity: number
  #tokens: number

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#tokens = capacity
  }

  /** Pays for one retry; `undefined` when there is not enough left. */
  take(cause: 'timeout' | 'other'): number | undefined {
    const cost = cause === 'timeout' ? TIMEOUT_COST : RETRY_COST
    if (this.#tokens < cost) return undefined
    this.#tokens -= cost
    return cost
  }

  /** A call succeeded; `paid` is what its last retry cost, 0 if it needed none. */
  succeeded(paid: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (paid === 0 ? SUCCESS_REFUND : paid))
  }
}
