/**
 * Runs of records that the failure policy disposed of, without the processor: nobody else acknowledges them, so a checkpoint of
 * everything before a run covers the run.
 */
import { compareSequenceNumbers, type ExtendedSequenceNumber } from './extended-sequence-number.ts'

interface Run {
  /** What was delivered last before it. */
  readonly after: ExtendedSequenceNumber
  readonly upTo: ExtendedSequenceNumber
}

/** The oldest is forgotten where an application does not checkpoint: it is disposed of again, then. */
const RUNS_MAX = 1_000

export class DisposedRecords {
  readonly #runs: Run[] = []

  /** In the shard's order. */
  add(run: Run): void {
    const last = this.#runs.at(-1)
    const isNext = last !== undefined && compareSequenceNumbers(run.after, last.upTo) <= 0
    if (isNext) this.#runs[this.#runs.length - 1] = { after: last.after, upTo: run.upTo }
    else if (this.#runs.push(run) > RUNS_MAX) this.#runs.shift()
  }

  /** How far everything is done with when everything up to `place` is. */
  reach(place: ExtendedSequenceNumber): ExtendedSequenceNumber {
    const run = this.#runs.findLast(({ after }) => compareSequenceNumbers(after, place) <= 0)
    return run !== undefined && compareSequenceNumbers(run.upTo, place) > 0 ? run.upTo : place
  }
}
