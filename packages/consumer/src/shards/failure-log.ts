/**
 * Tells people what fails in a shard: what was called, where, why, and what comes next. A line a second at most, which says how many
 * were left out: a shard full of poison is no flood. What ends a shard is told always. Never a payload.
 */
import type { Clock, Logger } from '@millrace/std'
import { errorText } from '../dead-letters/error-text.ts'
import type { ShardOfProcessor } from '../record-processor.ts'
import type { ShardHappening } from './shard-event.ts'

/** Between two lines about one shard, ms. */
const QUIET_MS = 1_000

export class FailureLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #shard: ShardOfProcessor
  #quietUntilMs = -Infinity
  #omitted = 0

  constructor(logger: Logger, clock: Clock, { stream, shardId }: ShardOfProcessor) {
    this.#logger = logger
    this.#clock = clock
    this.#shard = { stream, shardId }
  }

  tell(happening: ShardHappening): void {
    if (happening.kind === 'stuck') return this.#tellStuck(happening)
    if (happening.kind !== 'failure' && happening.kind !== 'dead-letter-failure') return
    const nowMs = this.#clock.monotonic()
    const isLast = happening.kind === 'failure' && happening.next === 'stop'
    if (nowMs < this.#quietUntilMs && !isLast) {
      this.#omitted++
      return
    }
    const { kind, error, ...about } = happening
    const message = kind === 'failure' ? 'the processing of a shard failed' : 'a dead letter was not taken'
    const omitted = this.#omitted > 0 ? { omitted: this.#omitted } : {}
    this.#logger.warn(message, { ...this.#shard, ...about, ...omitted, error: errorText(error) })
    this.#quietUntilMs = nowMs + QUIET_MS
    this.#omitted = 0
  }

  /** Seldom by itself, and never left out: nothing else tells of it. */
  #tellStuck({ call, elapsedMs }: ShardHappening & { kind: 'stuck' }): void {
    const next = 'Its shard waits, and its lease is kept. With `hangMs` it would be left to another worker.'
    this.#logger.warn('a call of the application does not come back', { ...this.#shard, call, elapsedMs, next })
  }
}
