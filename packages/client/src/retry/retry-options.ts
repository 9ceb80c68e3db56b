/** How hard a client tries. One place, so that the numbers can be read together. */
export interface RetryOptions {
  /** Requests per call, the first included. Default 3, as the AWS SDKs. */
  readonly maxAttempts?: number
  /** Backoff of the first retry after a failure of the service or the network, before jitter, in ms. Default 100. */
  readonly baseMs?: number
  /** Likewise after throttling; shards refill within a second. Default 500. */
  readonly throttleBaseMs?: number
  /** The longest single wait, in ms; also bounds what a `Retry-After` can ask for. Default 20,000. */
  readonly maxMs?: number
  /**
   * Tokens shared by all calls of a client; a retry takes 5 (10 after a time-out), a success gives back. When they are
   * gone, calls fail on their first error, and an outage is not made worse. Default 500, as the AWS SDKs.
   */
  readonly budget?: number
  /**
   * A write whose outcome is unknown (broken connection, time-out, 5xx): `retry` repeats it, as the AWS SDKs do, and
   * a record may then be stored twice; `fail` reports it. Default `retry`.
   */
  readonly unknownOutcome?: 'retry' | 'fail'
}

export const defaultRetryOptions: Required<RetryOptions> = {
  maxAttempts: 3,
  baseMs: 100,
  throttleBaseMs: 500,
  maxMs: 20_000,
  budget: 500,
  unknownOutcome: 'retry',
}
