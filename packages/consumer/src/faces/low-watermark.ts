/**
 * Of records that are done in any order: how far they are done without a gap. Only that far a checkpoint may go.
 */
import { type ExtendedSequenceNumber, placeOf } from '../extended-sequence-number.ts'

export interface InFlight {
  readonly place: ExtendedSequenceNumber
  isDone: boolean
}

/** Entries that lie behind are cut off when there are so many, and as many before them. */
const KEPT_BEHIND = 1_024

export class LowWatermark {
  readonly #entries: InFlight[] = []
  #head = 0

  /** Above the watermark: records under way, and those that are done but stand behind one that is not. */
  get outstanding(): number {
    return this.#entries.length - this.#head
  }

  /** In the shard's order. */
  add(place: ExtendedSequenceNumber): InFlight {
    const entry = { place: placeOf(place), isDone: false }
    this.#entries.push(entry)
    return entry
  }

  /** Where the watermark is now, and by how many records it rose. `undefined`: it did not. */
  done(entry: InFlight): { readonly place: ExtendedSequenceNumber; readonly records: number } | undefined {
    entry.isDone = true
    const before = this.#head
    while (this.#entries[this.#head]?.isDone === true) this.#head++
    const last = this.#entries[this.#head - 1]
    if (this.#head === before || last === undefined) return undefined
    const risen = { place: last.place, records: this.#head - before }
    if (this.#head >= KEPT_BEHIND && this.#head * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#head)
      this.#head = 0
    }
    return risen
  }
}
