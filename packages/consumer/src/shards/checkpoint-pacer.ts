/**
 * Automatic checkpoints: not for every record, and none while nothing is done. What is done is checkpointed after so many
 * records or so much time, whichever comes first.
 */
import { checkNames } from '../option-checks.ts'
import { TIMER_MS_MAX } from './shard-consumer-options.ts'
import type { Timer } from '@millrace/std'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { ShardContext } from './shard-processor.ts'

/** How much is done again after a crash, at most, against calls of the lease store. */
export interface CheckpointPace {
  /** At the latest so long after the first record that is done with and not checkpointed, ms; Infinity: by number only. Default: 1,000. */
  readonly everyMs?: number | undefined
  /** As soon as so many records are done with and not checkpointed; Infinity: by time only. Default: 10,000. */
  readonly everyRecords?: number | undefined
}

/** A TypeError for what is no pace, a RangeError for one that is no sensible choice. */
export function checkPace(pace: CheckpointPace | undefined): void {
  if (pace === undefined) return
  checkNames(pace, ['everyMs', 'everyRecords'], 'checkpoint')
  const { everyMs = 1, everyRecords = 1 } = pace
  if (everyMs !== Infinity && !(everyMs > 0 && everyMs <= TIMER_MS_MAX))
    throw new RangeError(
      `Expected milliseconds above 0, at most ${TIMER_MS_MAX}, or Infinity, for everyMs, found ${everyMs}.`,
    )
  if (everyRecords !== Infinity && !(Number.isInteger(everyRecords) && everyRecords > 0))
    throw new RangeError(`Expected a whole number from 1 on, or Infinity, for everyRecords, found ${everyRecords}.`)
}

export interface CheckpointPacerContext extends Pick<ShardContext, 'clock' | 'fail' | 'lost'> {
  readonly checkpointer: Pick<ShardContext['checkpointer'], 'advance'>
}

export class CheckpointPacer {
  readonly #context: CheckpointPacerContext
  readonly #everyMs: number
  readonly #everyRecords: number
  #place: ExtendedSequenceNumber | undefined
  #records = 0
  #timer: Timer | undefined
  /** The last checkpoint that was begun; nobody but `flush` waits for one that the pace began. */
  #begun: Promise<void> | undefined

  constructor(context: CheckpointPacerContext, { everyMs = 1_000, everyRecords = 10_000 }: CheckpointPace) {
    this.#context = context
    this.#everyMs = everyMs
    this.#everyRecords = everyRecords
    context.lost.addEventListener('abort', () => this.close(), { once: true })
  }

  /** `records` more are done with, up to `place`. */
  progress(place: ExtendedSequenceNumber, records: number): void {
    this.#place = place
    this.#records += records
    if (this.#records >= this.#everyRecords) this.#checkpointSoon()
    else if (this.#everyMs !== Infinity)
      this.#timer ??= this.#context.clock.setTimer(this.#everyMs, () => this.#checkpointSoon())
  }

  /** Checkpoints what is done and not checkpointed. Resolves when it is stored, and what was on its way before. */
  async flush(): Promise<void> {
    const place = this.#place
    this.close()
    if (place !== undefined) this.#begun = this.#context.checkpointer.advance(place)
    await this.#begun
  }

  /** What is not checkpointed stays so. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#place = undefined
    this.#records = 0
  }

  #checkpointSoon(): void {
    this.flush().catch((error: unknown) => this.#context.fail(error))
  }
}
