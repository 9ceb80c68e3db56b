/**
 * How fast a lane sends: unbounded until a shard refuses for throughput, then by an estimate of what the shard's
 * token buckets hold. The estimate starts at AWS's limits and creeps up while nothing is refused, because an endpoint
 * may allow more.
 */
import { type Clock, sleep } from '@millrace/std'

/** AWS: 1,000 records and 1 MiB per second and shard; a little less, as clocks and the network differ. */
const RECORDS_PER_SECOND = 950
const BYTES_PER_SECOND = 0.95 * 1024 * 1024
/** Twice the rate after some 70 batches without a refusal: slow enough that probing costs little. */
const GROWTH = 1.01
const SHRINK = 0.8

export class LanePace {
  readonly #clock: Clock
  readonly #shards: number
  /** Times AWS's limits; 0 while nothing has been refused. */
  #factor = 0
  /** When the shard will have regained all that was sent, on the monotonic scale. */
  #paidMs = 0

  /** `shards`: how many this lane feeds, on average. */
  constructor(clock: Clock, shards: number) {
    this.#clock = clock
    this.#shards = shards
  }

  /** The shard's buckets are empty now. */
  refused(): void {
    this.#factor = Math.max(1, this.#factor * SHRINK)
    this.#paidMs = this.#clock.monotonic()
  }

  /** A batch was taken whole. */
  accepted(): void {
    this.#factor *= GROWTH
  }

  /** Waits until the shard should have room for so much. */
  async wait(records: number, bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#factor === 0) return
    const nowMs = this.#clock.monotonic()
    const costS = Math.max(records / RECORDS_PER_SECOND, bytes / BYTES_PER_SECOND) / (this.#shards * this.#factor)
    // The shard saves up for one second at most.
    this.#paidMs = Math.max(this.#paidMs, nowMs - 1000) + costS * 1000
    if (this.#paidMs > nowMs) await sleep(this.#clock, this.#paidMs - nowMs, signal)
  }
}
