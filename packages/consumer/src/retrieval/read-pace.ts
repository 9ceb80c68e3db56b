/** How often one reader may ask a shard that has other readers: below the service's limits, and more seldom where others use them up. */
import {
  GET_RECORDS_BYTES_MAX,
  SHARD_READ_BYTES_PER_SECOND,
  SHARD_READS_PER_SECOND,
  type StreamRecord,
} from '@millrace/protocol'
import { type Random, TokenBucket } from '@millrace/std'
import { SharedPace } from './shared-pace.ts'

export interface ReadPaceOptions {
  /** Default 4: of the five a second that a shard gives to all its readers, one is left to others. `Infinity`: as many as can be. */
  readonly readsPerSecond?: number
  /** Default 2 MiB, as the shard's. `Infinity`: as many as there are. */
  readonly bytesPerSecond?: number
}

export class ReadPace {
  readonly #reads: TokenBucket | undefined
  readonly #readsPerSecond: number
  readonly #bytes: TokenBucket | undefined
  readonly #bytesPerSecond: number
  #overdrawnUntilMs = -Infinity
  readonly #shared: SharedPace

  constructor(options: ReadPaceOptions, nowMs: number, random: Random) {
    const { readsPerSecond = SHARD_READS_PER_SECOND - 1, bytesPerSecond = SHARD_READ_BYTES_PER_SECOND } = options
    this.#readsPerSecond = readsPerSecond
    this.#bytesPerSecond = bytesPerSecond
    this.#shared = new SharedPace(readsPerSecond, random)
    if (readsPerSecond !== Infinity) this.#reads = new TokenBucket(readsPerSecond, 1, nowMs)
    if (bytesPerSecond !== Infinity) this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond, nowMs)
  }

  /** How long to wait before the next read, ms. */
  delayMs(nowMs: number): number {
    const missing = this.#reads === undefined ? 0 : 1 - this.#reads.available(nowMs)
    return Math.max(
      this.#shared.delayMs(nowMs),
      (missing * 1000) / this.#readsPerSecond,
      this.#overdrawnUntilMs - nowMs,
    )
  }

  began(nowMs: number): void {
    this.#reads?.charge(1, nowMs)
  }

  /** Others use the shard up. `restMs`: between two reads, by this reader's own wish. */
  throttled(nowMs: number, restMs: number): void {
    this.#shared.throttled(nowMs, restMs)
  }

  /** As AWS has it, an answer beyond the budget blocks the shard until the budget is full again: 5 s after 10 MiB. */
  read(records: readonly StreamRecord[], nowMs: number): void {
    this.#shared.served(nowMs)
    const bytes = this.#bytes
    if (bytes === undefined) return
    bytes.charge(Math.min(sizeOf(records), GET_RECORDS_BYTES_MAX), nowMs)
    const left = bytes.available(nowMs)
    if (left < 0) this.#overdrawnUntilMs = nowMs + ((this.#bytesPerSecond - left) / this.#bytesPerSecond) * 1000
  }
}

function sizeOf(records: readonly StreamRecord[]): number {
  return records.reduce((sum, { Data, PartitionKey = '' }) => sum + Data.length + PartitionKey.length, 0)
}
