/**
 * Automatic checkpoints: not for every record, and none while nothing is done. What is done is checkpointed after so many
 * records or so much time, whichever comes first.
 */
import type { Clock, Timer } from '@millrace/std'
import type { ShardCheckpointer } from '../checkpointer.ts'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'

/** How much is done again after a crash, at most, against calls of the lease store. */
export interface CheckpointPace {
  /** At the latest so long after the first record that is done with and not checkpointed, ms. Default: 1,000. */
  readonly everyMs?: number | undefined
  /** As soon as so many records are done with and not checkpointed. Default: 10,000. */
  readonly everyRecords?: number | undefined
}

export class CheckpointPacer {
  readonly #checkpointer: ShardCheckpointer
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #everyRecords: number
  readonly #onError: (error: unknown) => void
  #place: ExtendedSequenceNumber | undefined
  #records = 0
  #timer: Timer | undefined

  /** `onError`: what a checkpoint rejected with that nobody waits for. */
  constructor(
    checkpointer: ShardCheckpointer,
    clock: Clock,
    { everyMs = 1_000, everyRecords = 10_000 }: CheckpointPace,
    onError: (error: unknown) => void,
  ) {
    this.#checkpointer = checkpointer
    this.#clock = clock
    this.#everyMs = everyMs
    this.#everyRecords = everyRecords
    this.#onError = onError
  }

  /** `records` more are done with, up to `place`. */
  progress(place: ExtendedSequenceNumber, records: number): void {
    this.#place = place
    this.#records += records
    if (this.#records >= this.#everyRecords) this.#checkpointSoon()
    else this.#timer ??= this.#clock.setTimer(this.#everyMs, () => this.#checkpointSoon())
  }

  /** Checkpoints what is done and not checkpointed. */
  async flush(): Promise<void> {
    const place = this.#place
    this.close()
    if (place !== undefined) await this.#checkpointer.advance(place)
  }

  /** What is not checkpointed stays so. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#place = undefined
    this.#records = 0
  }

  #checkpointSoon(): void {
    this.flush().catch(this.#onError)
  }
}
