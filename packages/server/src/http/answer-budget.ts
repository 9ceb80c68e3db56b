/**
 * The memory that answers take which their readers have not taken: a reader may ask for 10 MiB and then not read, again
 * and again, on thousands of connections. At the bound a further large answer takes the place of those whose readers
 * have had their time, longest first; if none has, it is not given. What several answers share counts once.
 */
import { type Clock, type Linked, LinkedSet } from '@millrace/std'

export interface AnswerBudgetOptions {
  readonly bytesMax: number
  /** How long a reader has for an answer before it may lose its place to another. */
  readonly waitMs: number
  readonly clock: Clock
}

/** What one answer holds. Releasing twice is fine. */
export interface AnswerClaim {
  release(): void
}

interface Holder extends Linked<Holder> {
  readonly buffers: ReadonlySet<ArrayBufferLike>
  readonly sinceMs: number
  readonly giveUp: () => void
}

/** Smaller answers are not looked at, unless they stand in more: the number of requests bounds them. */
const COUNTED_BYTES_MIN = 64 * 1024
/** Smaller ones are always given: what they tell was done, and would be done again. No answer of a write comes near. */
const REFUSED_BYTES_MIN = 1024 * 1024

const nothingHeld: AnswerClaim = { release() {} }

export class AnswerBudget {
  readonly #options: AnswerBudgetOptions
  /** In the order in which they were given. */
  readonly #holders = new LinkedSet<Holder>()
  /** How many answers hold each. Weak: it leads to none that has gone (docs/decisions/150). */
  readonly #counts = new WeakMap<ArrayBufferLike, number>()
  #bytes = 0

  constructor(options: AnswerBudgetOptions) {
    this.#options = options
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** `giveUp` ends the answer before it was taken. `undefined`: there is no room, and the answer is not to be given. */
  claim(pieces: readonly Uint8Array[], giveUp: () => void): AnswerClaim | undefined {
    let total = 0
    let largest = 0
    for (const { length, buffer } of pieces) {
      total += length
      largest = Math.max(largest, buffer.byteLength)
    }
    if (total < COUNTED_BYTES_MIN && largest <= COUNTED_BYTES_MIN) return nothingHeld
    const { bytesMax, waitMs, clock } = this.#options
    const nowMs = clock.monotonic()
    const buffers = new Set(pieces.map(({ buffer }) => buffer))
    for (let holder = this.#holders.first; holder !== undefined; holder = this.#holders.first) {
      if (this.#bytes + this.#freshBytes(buffers) <= bytesMax || nowMs - holder.sinceMs < waitMs) break
      this.#release(holder)
      holder.giveUp()
    }
    const isFull = this.#holders.first !== undefined && this.#bytes + this.#freshBytes(buffers) > bytesMax
    if (isFull && total >= REFUSED_BYTES_MIN) return undefined
    const holder: Holder = { buffers, sinceMs: nowMs, giveUp }
    this.#holders.add(holder)
    for (const buffer of buffers) {
      const count = this.#counts.get(buffer) ?? 0
      if (count === 0) this.#bytes += buffer.byteLength
      this.#counts.set(buffer, count + 1)
    }
    return { release: () => this.#release(holder) }
  }

  #freshBytes(buffers: ReadonlySet<ArrayBufferLike>): number {
    let bytes = 0
    for (const buffer of buffers) if (!this.#counts.has(buffer)) bytes += buffer.byteLength
    return bytes
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return
    for (const buffer of holder.buffers) {
      const count = (this.#counts.get(buffer) ?? 0) - 1
      if (count > 0) {
        this.#counts.set(buffer, count)
        continue
      }
      this.#counts.delete(buffer)
      this.#bytes -= buffer.byteLength
    }
  }
}
