/**
 * Segments whose indexes cannot be read now. Each is named once, looked at again soon, and its index built again at growing
 * intervals; whoever goes through all segments passes over it meanwhile.
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
interface Rebuild {
  readonly dueMs: number
  /** How long to wait after the next. */
  readonly waitMs: number
}

export class IndexRepairs {
  readonly #options: IndexRepairsOptions
  /** Of segments whose indexes were built again: when they may be next. */
  readonly #rebuilds = new WeakMap<Segment, Rebuild>()
  readonly #named = new WeakSet<Segment>()
  #retry: Timer | undefined
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
    const { clock, logger, rebuildIndex, onDue } = this.#options
    const nowMs = clock.monotonic()
    const { dueMs, waitMs } = this.#rebuilds.get(segment) ?? { dueMs: nowMs, waitMs: SPACE_RETRY_MS }
    let cause = error
    // Each time reads the whole segment, and some drives cannot read what they have just written.
    if (error instanceof IndexDamagedError && nowMs >= dueMs) {
      this.#rebuilds.set(segment, { dueMs: nowMs + waitMs, waitMs: Math.min(2 * waitMs, REBUILD_WAIT_MS_MAX) })
      logger.info('an index is built again', { reason: error.message })
      try {
        return await rebuildIndex(segment)
      } catch (failure) {
        cause = failure
      }
    }
    if (!this.#named.has(segment)) {
      this.#named.add(segment)
      logger.warn('upkeep of the log failed; trying again soon', { segment: segment.path, reason: String(cause) })
    }
    if (this.#isStopped) return
    this.#retry ??= clock.setTimer(
      SPACE_RETRY_MS,
      () => {
        this.#retry = undefined
        onDue()
      },
      { unref: true },
    )
  }

  /** Its index was built again a while ago, or could not be: nothing larger is begun with it until it may be once more. */
  isResting(segment: Segment): boolean {
    const rebuild = this.#rebuilds.get(segment)
    return rebuild !== undefined && this.#options.clock.monotonic() < rebuild.dueMs
  }

  stop(): void {
    this.#isStopped = true
    this.#retry?.cancel()
  }
}
