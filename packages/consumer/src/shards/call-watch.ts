/**
 * Times what the application wrote: tells when a call is slow, tells again and again when one does not come back, and gives the shard up
 * where `hangMs` says so. Nothing else notices such a call: the worker lives, and its lease is renewed.
 */
import type { Clock, Timer } from '@millrace/std'
import type { ShardOfProcessor } from '../record-processor.ts'
import { ShardConsumerError } from './shard-consumer-error.ts'
import { type ResolvedShardConsumerOptions, TIMER_MS_MAX } from './shard-consumer-options.ts'
import type { ShardHappening, WatchedCall } from './shard-event.ts'

/** A call that takes longer is told as `stuck`, and again after twice as long each time, ms. */
const STUCK_MS = 300_000

export interface CallWatchOptions extends Pick<ResolvedShardConsumerOptions, 'slowMs' | 'hangMs'> {
  readonly shard: ShardOfProcessor
  readonly clock: Clock
  readonly emit: (happening: ShardHappening) => void
  /** The call took longer than `hangMs`. */
  readonly onHung: (error: ShardConsumerError) => void
}

interface CallTimers {
  telling: Timer
  readonly hung: Timer | undefined
}

export class CallWatch {
  readonly #options: CallWatchOptions
  /** What each call that is under way has set. */
  readonly #timers = new Set<CallTimers>()
  #isOver = false

  constructor(options: CallWatchOptions) {
    this.#options = options
  }

  async time<Result>(call: WatchedCall, run: () => Result | Promise<Result>): Promise<Result> {
    const { clock, emit } = this.#options
    const begin = clock.monotonic()
    const timers = this.#isOver ? undefined : this.#begin(call, begin)
    try {
      return await run()
    } finally {
      if (timers !== undefined) this.#cancel(timers)
      if (call !== 'process' && call !== 'schema') emit({ kind: 'called', call, durationMs: clock.monotonic() - begin })
    }
  }

  /** The shard is left: of calls that never come back nothing is told any more. */
  end(): void {
    this.#isOver = true
    for (const timers of this.#timers) this.#cancel(timers)
  }

  #begin(call: WatchedCall, begin: number): CallTimers {
    const { clock, emit, slowMs, hangMs, onHung } = this.#options
    const tellAt = (stuckMs: number): void => {
      timers.telling = clock.setTimer(Math.min(TIMER_MS_MAX, begin + stuckMs - clock.monotonic()), () => {
        emit({ kind: 'stuck', call, elapsedMs: clock.monotonic() - begin })
        tellAt(2 * stuckMs)
      })
    }
    const timers: CallTimers = {
      telling: clock.setTimer(slowMs, () => {
        emit({ kind: 'slow', call, elapsedMs: slowMs })
        tellAt(Math.max(STUCK_MS, 2 * slowMs))
      }),
      hung: hangMs === Infinity ? undefined : clock.setTimer(hangMs, () => onHung(this.#hung(call))),
    }
    this.#timers.add(timers)
    return timers
  }

  #cancel(timers: CallTimers): void {
    timers.telling.cancel()
    timers.hung?.cancel()
    this.#timers.delete(timers)
  }

  #hung(call: WatchedCall): ShardConsumerError {
    const { shard, hangMs } = this.#options
    const who = call === 'schema' ? "The schema's parse of records" : `The processor's ${call}`
    return new ShardConsumerError(
      call === 'schema' ? 'schema-hung' : 'processor-hung',
      `${who} of ${shard.shardId} of ${shard.stream} has not returned for ${hangMs} ms; the lease is given up. Raise ` +
        '`hangMs` if it may take so long.',
    )
  }
}
