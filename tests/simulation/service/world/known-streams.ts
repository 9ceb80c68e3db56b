/**
 * What the clients of a world believe about its streams: lists of shards they got, numbers they were told, puts they
 * may want to send again. Chosen from when they decide what to ask next; never held against the service.
 */
import { hashKeyOf } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import type { PutEntry, SeenShard } from '../history/events.ts'

const KEYS = Array.from({ length: 10 }, (_, i) => `key-${i}`)
const HASHES = new Map(KEYS.map((key) => [key, hashKeyOf(key)]))
const HASH_SPACE = 1n << 128n
const RECENT_MAX = 24
const UNSETTLED_MAX = 12

export interface KnownRecord {
  readonly starting: string
  readonly shardId: string
  readonly sequenceNumber: string
  readonly timeMs: number | undefined
}

export interface EntryToPut extends PutEntry {
  readonly explicit: boolean
}

export class KnownStream {
  readonly name: string
  /** Changes whenever the stream may have become another of the same name: lists of before no longer count. */
  epoch = 0
  shards: readonly SeenShard[] = []
  hours = 24
  /** A change of its retention, its creation or its deletion is under way: no other is begun. */
  isChanging = false
  deletions = 0
  readonly recent: KnownRecord[] = []
  /** Sent, and nobody knows what became of it. */
  readonly unsettled: EntryToPut[] = []
  readonly #random: Random

  constructor(name: string, random: Random) {
    this.name = name
    this.#random = random
  }

  begun(): void {
    this.epoch++
    this.shards = []
    this.recent.length = 0
  }

  /**
   * Says of a request that begins now, when it has been answered, whether the stream may have gone meanwhile. A deletion
   * under way may be answered before the request is.
   */
  beginRequest(): () => boolean {
    const { deletions, isChanging } = this
    return () => isChanging || this.isChanging || this.deletions !== deletions
  }

  remember(record: KnownRecord): void {
    this.recent.push(record)
    if (this.recent.length > RECENT_MAX) this.recent.shift()
  }

  giveUp(entry: EntryToPut): void {
    this.unsettled.push(entry)
    if (this.unsettled.length > UNSETTLED_MAX) this.unsettled.shift()
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[randomBelow(this.#random, Math.max(1, list.length))]
  }

  /** A new record, or one sent before whose answer did not come. */
  nextEntry(number: number): EntryToPut {
    if (this.unsettled.length > 0 && this.#random.float() < 0.3) {
      const [again] = this.unsettled.splice(randomBelow(this.#random, this.unsettled.length), 1)
      if (again !== undefined) return again
    }
    const key = this.pick(KEYS) ?? 'key-0'
    const size = this.#random.float() < 0.03 ? randomBelow(this.#random, 6_000) : randomBelow(this.#random, 60)
    const data = `${number}:${'x'.repeat(size)}`
    if (this.#random.float() < 0.15) {
      const step = BigInt(randomBelow(this.#random, 17))
      const hash = step === 16n ? HASH_SPACE - 1n : (HASH_SPACE / 16n) * step
      return { key, hash, data, explicit: true }
    }
    return { key, hash: HASHES.get(key) ?? 0n, data, explicit: false }
  }
}
