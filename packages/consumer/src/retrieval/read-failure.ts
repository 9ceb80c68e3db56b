/**
 * What a failed call means for who reads a shard: wait and go on at the same place, or give up and say why. One for a
 * reader; each success starts it afresh.
 */
import { type BackoffOptions, backoffMs, type Clock, type Random, sleep } from '@millrace/std'
import { ShardReadError, type ShardReadErrorCode, type ShardToRead } from './shard-reader.ts'

/** Behind the client's own tries. Full jitter: readers that were throttled together do not come back together. */
const backoff: BackoffOptions = { baseMs: 200, maxMs: 5_000 }
/** Full jitter may say 0; nobody who waits for a server gains by asking it at once. */
const WAIT_MS_MIN = 50
/**
 * A service that fails inside at one place of a shard again and again will not do better: stored data that is damaged
 * is refused like that. The client has tried each of these several times already.
 */
const INSIDE_FAILURES_MAX = 5

export interface TroublesOptions extends Pick<ShardToRead, 'stream' | 'shardId' | 'onTrouble'> {
  readonly clock: Clock
  readonly random: Random
}

export class Troubles {
  readonly #options: TroublesOptions
  #attempt = 0
  #insideFailures = 0

  constructor(options: TroublesOptions) {
    this.#options = options
  }

  /** Something went well. */
  reset(): void {
    this.#attempt = 0
    this.#insideFailures = 0
  }

  /**
   * Waits before the next try at `place` (`after 4957…`), or rejects with a `ShardReadError` when none would help, or
   * with the signal's reason.
   */
  async wait(error: unknown, place: string, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    this.tell(error, place)
    await sleep(clock, Math.max(WAIT_MS_MIN, backoffMs(this.#attempt++, backoff, random)), signal)
  }

  /** The same without waiting: for a try that has to wait for its own reasons. */
  tell(error: unknown, place: string): void {
    if (error instanceof ShardReadError) throw error
    const isInside = isFailureInside(error)
    if (isInside) this.#insideFailures++
    if ((!isInside && !passes(error)) || this.#insideFailures >= INSIDE_FAILURES_MAX) throw this.#given(error, place)
    this.#options.onTrouble(error)
  }

  #given(cause: unknown, place: string): ShardReadError {
    const { stream, shardId } = this.#options
    const code = codeOf(cause)
    const reason =
      code === 'gone'
        ? 'it is not there any more'
        : this.#insideFailures > 0
          ? `the service failed inside, ${this.#insideFailures} times`
          : 'trying again would not help'
    const detail = cause instanceof Error ? `: ${cause.message}` : ''
    return new ShardReadError(code, `${shardId} of ${stream} cannot be read ${place}: ${reason}${detail}`, { cause })
  }
}

/** The wire's name of a service's error, or the code of a transport's. */
export function failureType(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { type, code } = error as { readonly type?: unknown; readonly code?: unknown }
  return typeof type === 'string' ? type : typeof code === 'string' ? code : undefined
}

/** Whether who writes durably tries again: a fault inside, too, which another server or a later version may not have. */
export function isWorthAnother(error: unknown): boolean {
  const isRefused = (error as { readonly retryable?: unknown } | undefined)?.retryable === false
  return !isRefused || passes(error) || isFailureInside(error)
}

/** The service failed, or what came is no answer of one: a passing fault, unless it comes again and again. */
function isFailureInside(error: unknown): boolean {
  return ['InternalFailure', 'InternalFailureException', 'malformed'].includes(failureType(error) ?? '')
}

/** Whether what a client or a store failed with may be gone at the next try. */
export function passes(error: unknown): boolean {
  // Time was up with the client's own retries under way; an iterator grew old on its way.
  if (['deadline', 'ExpiredIteratorException'].includes(failureType(error) ?? '')) return true
  return error instanceof Error && 'retryable' in error && error.retryable === true
}

function codeOf(error: unknown): ShardReadErrorCode {
  const type = failureType(error)
  if (type === 'ResourceNotFoundException') return 'gone'
  return isFailureInside(error) || type === 'InvalidArgumentException' ? 'unreadable' : 'denied'
}

/** A trouble that the reader found itself: an answer that cannot be, or silence. */
export class ReadTrouble extends Error {
  override readonly name = 'ReadTrouble'
  readonly retryable = true
}
