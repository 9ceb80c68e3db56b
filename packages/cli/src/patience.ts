/**
 * How long a verb that moves many records goes on trying when the endpoint is away or throttles: the client's own
 * retries end after a few attempts, a restart of a server or a busy shard takes longer. Each success starts afresh.
 */
import { type BackoffOptions, backoffMs, type Clock, type Random, sleep } from '@millrace/std'

/** A server restarting on a large data directory is back well within this. */
export const PATIENCE_MS = 60_000
const backoff: BackoffOptions = { baseMs: 200, maxMs: 5_000 }
/** Full jitter may say 0; nobody who waits for a server gains by asking it at once. */
const WAIT_MS_MIN = 50

export interface PatienceOptions {
  readonly clock: Clock
  readonly random: Random
  readonly patienceMs?: number
  /** Told of each failure that will be tried again. */
  readonly onTrouble?: (error: unknown) => void
}

export class Patience {
  readonly #options: PatienceOptions
  readonly #patienceMs: number
  #troubledSinceMs: number | undefined
  #attempt = 0

  constructor(options: PatienceOptions) {
    this.#options = options
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS
  }

  /** Something went well. */
  reset(): void {
    this.#troubledSinceMs = undefined
    this.#attempt = 0
  }

  /** Waits before the next attempt. Rejects with `error` when it cannot be retried or patience has run out. */
  async wait(error: unknown, signal?: AbortSignal): Promise<void> {
    const { clock, random, onTrouble } = this.#options
    const nowMs = clock.monotonic()
    this.#troubledSinceMs ??= nowMs
    if (!isRetryable(error) || nowMs - this.#troubledSinceMs >= this.#patienceMs) throw error
    onTrouble?.(error)
    await sleep(clock, Math.max(WAIT_MS_MIN, backoffMs(this.#attempt++, backoff, random)), signal)
  }

  /** Runs `attempt` until it succeeds or patience has run out. */
  async run<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      try {
        const result = await attempt()
        this.reset()
        return result
      } catch (error) {
        await this.wait(error, signal)
      }
    }
  }
}

/** Errors of the client say so themselves. */
function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true
}
