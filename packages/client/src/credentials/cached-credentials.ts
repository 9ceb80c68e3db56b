/**
 * Credentials kept until shortly before they expire, asked for once however many calls wait for them. If the source
 * fails while the old keys are still good, they go on being used, and the source is asked again a little later.
 */
import { type Clock, type Logger, untilAborted } from '@millrace/std'
import type { Credentials, CredentialsProvider } from './credentials.ts'

/** Keys this close to their end are renewed: AWS's metadata services have the next ones ready five minutes before. */
const REFRESH_BEFORE_MS = 5 * 60_000
/** Keys this close to their end are not signed with any more. */
const EXPIRED_BEFORE_MS = 10_000
/** After a failed renewal with keys still good, the source is left alone for this long. */
const REFRESH_PAUSE_MS = 30_000

export class CachedCredentials {
  readonly #provider: CredentialsProvider
  readonly #renewable: boolean
  readonly #clock: Clock
  readonly #logger: Logger
  #current: Credentials | undefined
  #pending: Promise<Credentials> | undefined
  /** On `clock.monotonic()`. */
  #notBeforeMs = -Infinity

  constructor(source: Credentials | CredentialsProvider, clock: Clock, logger: Logger) {
    this.#renewable = typeof source === 'function'
    this.#provider = typeof source === 'function' ? source : () => Promise.resolve(source)
    this.#clock = clock
    this.#logger = logger
  }

  /** Rejects with the signal's reason, or with what the source reports when there are no good keys left. */
  async get(signal: AbortSignal): Promise<Credentials> {
    const current = this.#current
    if (current !== undefined) {
      const leftMs = (current.expiresAtMs ?? Infinity) - this.#clock.now()
      if (leftMs > REFRESH_BEFORE_MS) return current
      if (leftMs > EXPIRED_BEFORE_MS) {
        // Still good: nobody waits for the renewal.
        if (this.#clock.monotonic() >= this.#notBeforeMs) void this.#refresh().catch(() => {})
        return current
      }
    }
    return untilAborted(this.#refresh(), signal)
  }

  /** The service called these keys expired. Says whether the next `get` may give others: fixed keys stay the same. */
  reject(credentials: Credentials): boolean {
    if (this.#current === credentials) this.#current = undefined
    return this.#renewable
  }

  #refresh(): Promise<Credentials> {
    this.#pending ??= this.#ask().finally(() => (this.#pending = undefined))
    return this.#pending
  }

  async #ask(): Promise<Credentials> {
    try {
      // Shared by all who wait: one of them giving up must not end it for the others.
      const fresh = await this.#provider({})
      this.#current = fresh
      this.#notBeforeMs = this.#clock.monotonic() + REFRESH_PAUSE_MS
      return fresh
    } catch (error) {
      this.#notBeforeMs = this.#clock.monotonic() + REFRESH_PAUSE_MS
      this.#logger.warn('no credentials from their source', {
        cause: error instanceof Error ? error.message : 'unknown',
      })
      throw error
    }
  }
}
