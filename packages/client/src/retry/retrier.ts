/**
 * The one place where a call is repeated: how often, after how long, and when not. Every failed attempt is handed in
 * as data; the error of the last one is thrown, with the number of attempts and the outcome of all of them together.
 */
import { backoffMs, type Clock, type Logger, type Random, sleep } from '@millrace/std'
import { KinesisServiceError, KinesisTransportError, type Outcome } from '../errors.ts'
import type { Failure } from './failure.ts'
import { RetryBudget } from './retry-budget.ts'
import type { RetryOptions } from './retry-options.ts'

export type AttemptResult<T> = { readonly value: T } | { readonly failure: Failure }

export interface RetriedCall {
  readonly operation: string
  /** Repeating it changes nothing, so that an unknown outcome is no reason not to. */
  readonly readOnly: boolean
  /** On `clock.monotonic()`: no wait reaches beyond it. */
  readonly deadlineMs: number
  /** Its reason is one of our errors (call-scope.ts). */
  readonly signal: AbortSignal
  readonly once: boolean
  readonly unlessThrottled: boolean
}

/** A clock set right and a key renewed: more repairs than these do not help one call. */
const CORRECTIONS_MAX = 2

export class Retrier {
  readonly #options: Required<RetryOptions>
  readonly #budget: RetryBudget
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger

  constructor(options: Required<RetryOptions>, clock: Clock, random: Random, logger: Logger) {
    this.#options = options
    this.#budget = new RetryBudget(options.budget)
    this.#clock = clock
    this.#random = random
    this.#logger = logger
  }

  /** `attempt` is called with 1, 2, …; it returns failures that may be repeated and throws all else. */
  async run<T>(call: RetriedCall, attempt: (number: number) => Promise<AttemptResult<T>>): Promise<T> {
    let paid = 0
    let corrections = 0
    let failures = 0
    let outcome: Outcome = 'not-done'
    for (let number = 1; ; number++) {
      const result = await attempt(number)
      if ('value' in result) {
        this.#budget.succeeded(paid)
        return result.value
      }
      const { failure } = result
      if (outcomeOf(failure.error) === 'unknown') outcome = 'unknown'
      const corrected = failure.class === 'corrected' && corrections++ < CORRECTIONS_MAX
      if (!corrected) failures++
      const delayMs = this.#delay(call, failure, failures, corrected)
      const cost = delayMs === undefined || corrected ? 0 : this.#budget.take(isTimeout(failure) ? 'timeout' : 'other')
      if (delayMs === undefined || cost === undefined) throw concluded(failure.error, number, outcome)
      paid = cost
      this.#logger.debug('retrying', {
        operation: call.operation,
        attempt: number,
        delayMs,
        cause: failure.error.message,
      })
      try {
        if (delayMs > 0) await sleep(this.#clock, delayMs, call.signal)
      } catch (ended) {
        throw concluded(ended as Error, number, outcome)
      }
    }
  }

  /** How long to wait before the next attempt; `undefined`: there shall be none. */
  #delay(call: RetriedCall, failure: Failure, failures: number, corrected: boolean): number | undefined {
    const options = this.#options
    if (call.once || (call.unlessThrottled && failure.class === 'throttle')) return undefined
    if (corrected) return 0
    if (failure.class === 'final' || failure.class === 'corrected' || failures >= options.maxAttempts) return undefined
    const unknown = outcomeOf(failure.error) === 'unknown'
    if (unknown && !call.readOnly && options.unknownOutcome === 'fail') return undefined
    // The connection had just been given up by the other side: a fresh one is enough, once.
    if (failures === 1 && failure.error instanceof KinesisTransportError && failure.error.reusedConnection) return 0
    const baseMs = failure.class === 'throttle' ? options.throttleBaseMs : options.baseMs
    const jitterMs = backoffMs(failures - 1, { baseMs, maxMs: options.maxMs }, this.#random)
    const delayMs = Math.max(jitterMs, Math.min(failure.retryAfterMs ?? 0, options.maxMs))
    return this.#clock.monotonic() + delayMs < call.deadlineMs ? delayMs : undefined
  }
}

function outcomeOf(error: Error): Outcome {
  return error instanceof KinesisServiceError || error instanceof KinesisTransportError ? error.outcome : 'not-done'
}

function isTimeout(failure: Failure): boolean {
  return failure.error instanceof KinesisTransportError && failure.error.code === 'timeout'
}

/** The last error, speaking for all attempts. */
function concluded(error: Error, attempts: number, outcome: Outcome): Error {
  if (attempts === 1 && outcomeOf(error) === outcome) return error
  if (error instanceof KinesisTransportError)
    return new KinesisTransportError(error.code, error.message, {
      outcome,
      attempts,
      reusedConnection: error.reusedConnection,
      cause: error.cause,
    })
  if (error instanceof KinesisServiceError) return error.concluding(attempts, outcome)
  return error
}
