/**
 * What one reader takes of a shard whose readers together would take more than it gives. None knows of the others but by what
 * is refused: each then reads more slowly at once, and more often again little by little (AIMD, as TCP shares a line), so that all come
 * near an equal share whatever they began with. Jitter keeps any from always being the one that comes just too early.
 */
import { SHARD_READS_PER_SECOND } from '@millrace/protocol'
import type { Random } from '@millrace/std'

/** Of the rate, after a refusal. Half, as TCP has it, would leave much of the shard unused. */
const LEFT_OF_RATE = 0.8
/** Reads a second, more each second: some 70 s from a third of a shard to half of it, and a refused read in fifty with three readers. */
const RISE_PER_SECOND = 0.01
/** Reads a second that are never given up, as ten readers have of a shard. */
const RATE_MIN = 0.5
/** How much longer or shorter than another an interval is at most, of itself. */
const JITTER = 0.2
/** A rest that nobody needed says nothing of the room that there is. */
const RISE_MS_MAX = 1_000 / RATE_MIN
/** Until the next try at a read that was refused; twofold each time, less up to half of it by chance. A shard gives another read in 200 ms. */
const RETRY_MS = 1_000 / SHARD_READS_PER_SECOND
/** An answer of 10 MiB to another reader blocks the shard for as long. */
const RETRY_MS_MAX = 5_000

export class SharedPace {
  readonly #random: Random
  readonly #rateMax: number
  /** Reads a second. None: nothing was refused that would still matter. */
  #rate: number | undefined
  #changedAtMs = -Infinity
  #refusals = 0
  #notBeforeMs = -Infinity

  /** `rateMax`: reads a second of a reader that is alone. */
  constructor(rateMax: number, random: Random) {
    this.#rateMax = Math.min(rateMax, SHARD_READS_PER_SECOND)
    this.#random = random
  }

  /** How long to wait before the next read, ms. */
  delayMs(nowMs: number): number {
    return Math.max(0, this.#notBeforeMs - nowMs)
  }

  /** `restMs`: between two reads of this reader, by its own wish. */
  throttled(nowMs: number, restMs: number): void {
    // Refused again is the same news: an answer to another blocks a shard for seconds, whatever the pace.
    if (this.#refusals === 0) {
      const rate = Math.min(this.#rate ?? this.#rateMax, 1_000 / restMs)
      this.#rate = Math.max(RATE_MIN, rate * LEFT_OF_RATE)
      this.#changedAtMs = nowMs
    }
    const retryMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.#refusals)
    if (retryMs < RETRY_MS_MAX) this.#refusals++
    this.#notBeforeMs = nowMs + retryMs * (1 - this.#random.float() / 2)
  }

  served(nowMs: number): void {
    this.#refusals = 0
    if (this.#rate === undefined) return
    this.#rate += (Math.min(RISE_MS_MAX, nowMs - this.#changedAtMs) / 1_000) * RISE_PER_SECOND
    this.#changedAtMs = nowMs
    if (this.#rate >= this.#rateMax) this.#rate = undefined
    else this.#notBeforeMs = nowMs + (1_000 / this.#rate) * (1 + JITTER * (this.#random.float() - 0.5))
  }
}
