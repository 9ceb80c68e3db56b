/**
 * How long one call may last: the caller's signal and the deadline, as one signal whose reason is one of our errors.
 */
import { type Clock, setPatientTimer, type Timer } from '@millrace/std'
import type { CallOptions } from './client-options.ts'
import { KinesisTransportError } from './errors.ts'

export class CallScope {
  /** On `clock.monotonic()`. */
  readonly deadlineMs: number
  readonly #controller = new AbortController()
  readonly #callerSignal: AbortSignal | undefined
  readonly #onAbort: () => void
  readonly #timer: Timer

  constructor(operation: string, options: CallOptions, defaultTimeoutMs: number, clock: Clock) {
    const nowMs = clock.monotonic()
    const timeoutMs = options.timeoutMs ?? (options.deadlineMs === undefined ? defaultTimeoutMs : Infinity)
    this.deadlineMs = Math.min(nowMs + timeoutMs, options.deadlineMs ?? Infinity)
    const allowedMs = this.deadlineMs - nowMs
    this.#callerSignal = options.signal
    this.#onAbort = () => this.#end('aborted', `${operation} was aborted by the caller.`, options.signal?.reason)
    const onDeadline = (): void =>
      this.#end('deadline', `${operation} did not finish within ${Math.round(allowedMs)} ms.`)
    this.#timer = setPatientTimer(clock, Math.min(allowedMs, TIMER_MAX_MS), onDeadline, { unref: true })
    if (allowedMs <= 0) onDeadline()
    if (options.signal?.aborted === true) this.#onAbort()
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The error to report for one that the end of this scope caused; others are returned as they are. */
  explain(error: KinesisTransportError): KinesisTransportError {
    const why: unknown = this.signal.reason
    if (error.code !== 'aborted' || !(why instanceof KinesisTransportError)) return error
    return new KinesisTransportError(why.code, why.message, { outcome: error.outcome, cause: why.cause })
  }

  /** From now on only the caller's signal ends it. */
  dropDeadline(): void {
    this.#timer.cancel()
  }

  /** The client is closed under a call that has no end of its own. */
  clientClosed(): void {
    this.#end('client-closed', 'The client has been closed.')
  }

  /** The call is over: nothing of it stays behind. */
  close(): void {
    this.#timer.cancel()
    this.#callerSignal?.removeEventListener('abort', this.#onAbort)
  }

  #end(code: 'aborted' | 'deadline' | 'client-closed', message: string, cause?: unknown): void {
    this.#timer.cancel()
    this.#controller.abort(new KinesisTransportError(code, message, { outcome: 'not-done', cause }))
  }
}

/** Node's timers overflow beyond 2^31 - 1 ms and fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1
