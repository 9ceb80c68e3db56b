/** A small loop on the clock: runs a task, waits, runs it again, until it is closed. One run at a time. */
import { type Clock, type Logger, sleep } from '@millrace/std'

export interface LoopOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** For log lines. */
  readonly name: string
  /** From the end of one run to the start of the next. */
  readonly everyMs: number
  /** When the first run begins, after the loop was made. Default: `everyMs`. */
  readonly firstMs?: number
  readonly task: () => Promise<void>
}

export class Loop {
  readonly #options: LoopOptions
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #isBusy = false

  constructor(options: LoopOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** A run is under way. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Resolves once the run under way, if any, is over. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, logger, name, everyMs, firstMs = everyMs, task } = this.#options
    for (let waitMs = firstMs; ; waitMs = everyMs) {
      try {
        await sleep(clock, waitMs, this.#stop.signal)
      } catch {
        // Closed: the only reason for which this sleep rejects.
        return
      }
      this.#isBusy = true
      try {
        await task()
      } catch (error) {
        // A mistake of ours in one round must not end the rounds.
        logger.error(`the ${name} loop failed; it goes on`, { error: String(error) })
      } finally {
        this.#isBusy = false
      }
    }
  }
}
