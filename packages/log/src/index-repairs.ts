/**
 * Segments that cannot be read now, or whose indexes cannot. Each is named once, looked at again soon, and what reads all of
 * it (its index is built again, it is regrouped) is tried at growing intervals; whoever goes through all segments passes
 * over it meanwhile.
 */
import type { Clock, Logger, Timer } from '@millrace/std'
import { REBUILD_WAIT_MS_MAX, SPACE_RETRY_MS } from './limits.ts'
import { LogError } from './log-error.ts'
import { IndexDamagedError } from './page-cache.ts'
import type { Segment } from './segment.ts'

export interface IndexRepairsOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Builds the index of a segment again in memory, and has it written. */
  readonly rebuildIndex: (segment: Segment) => Promise<void>
  /** One that could not be read is to be looked at again. */
  readonly onDue: () => void
}

/** On the monotonic clock. */
interface Rest {
  readonly dueMs: number
  /** How long to wait after the next. */
  readonly waitMs: number
}

export class IndexRepairs {
  readonly #options: IndexRepairsOptions
  /** Of segments that were to be read as a whole: when they may be next. */
  readonly #rests = new WeakMap<Segment, Rest>()
  readonly #named = new WeakSet<Segment>()
  /** On the monotonic clock; one timer, for what is due first. */
  #wake: { readonly dueMs: number; readonly timer: Timer } | undefined
  #isStopped = false

  constructor(options: IndexRepairsOptions) {
    this.#options = options
  }

  /** What `look` finds in the index of `segment`; `undefined` where that cannot be read now. */
  async look<T>(segment: Segment, look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof IndexDamagedError || error instanceof LogError)) throw error
      await this.failed(segment, error)
      return undefined
    }
  }

  /** The index of `segment` could not be read for `error`: it is built again where that may help, and is due. Never rejects. */
  async failed(segment: Segment, error: unknown): Promise<void> {
    const { clock, logger, rebuildIndex } = this.#options
    let cause = error
    // Each time reads the whole segment, and some drives cannot read what they have just written.
    if (error instanceof IndexDamagedError && !this.#isResting(segment)) {
      this.#rest(segment)
      logger.info('an index is built again', { reason: error.message })
      try {
        return await rebuildIndex(segment)
      } catch (failure) {
        cause = failure
      }
    }
    this.#name(segment, cause)
    this.#wakeAt(clock.monotonic() + SPACE_RETRY_MS)
  }

  /** The file of `segment` could not be read for `error`, which may pass: nothing larger is begun with it for a while. */
  unreadable(segment: Segment, error: Error): void {
    this.#rest(segment)
    this.#name(segment, error)
  }

  /**
   * It was to be read as a whole a while ago: nothing larger is begun with it until it may be once more. Who passes over it
   * is told when that is.
   */
  passesOver(segment: Segment): boolean {
    const rest = this.#rests.get(segment)
    if (rest === undefined || !this.#isResting(segment)) return false
    this.#wakeAt(rest.dueMs)
    return true
  }

  stop(): void {
    this.#isStopped = true
    this.#wake?.timer.cancel()
  }

  #isResting(segment: Segment): boolean {
    const rest = this.#rests.get(segment)
    return rest !== undefined && this.#options.clock.monotonic() < rest.dueMs
  }

  #rest(segment: Segment): void {
    const waitMs = this.#rests.get(segment)?.waitMs ?? SPACE_RETRY_MS
    const dueMs = this.#options.clock.monotonic() + waitMs
    this.#rests.set(segment, { dueMs, waitMs: Math.min(2 * waitMs, REBUILD_WAIT_MS_MAX) })
  }

  #name(segment: Segment, cause: unknown): void {
    if (this.#named.has(segment)) return
    this.#named.add(segment)
    const fields = { segment: segment.path, reason: String(cause) }
    this.#options.logger.warn('upkeep of the log failed; trying again soon', fields)
  }

  #wakeAt(dueMs: number): void {
    if (this.#isStopped || (this.#wake !== undefined && this.#wake.dueMs <= dueMs)) return
    this.#wake?.timer.cancel()
    const { clock, onDue } = this.#options
    const timer = clock.setTimer(
      dueMs - clock.monotonic(),
      () => {
        this.#wake = undefined
        onDue()
      },
      { unref: true },
    )
    this.#wake = { dueMs, timer }
  }
}
