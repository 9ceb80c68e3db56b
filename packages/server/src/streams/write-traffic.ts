/**
 * What this server wrote to each shard of the on-demand streams since somebody last asked: a count of bytes and
 * records, and a sample of the hash keys that says where a busy shard may be cut. Of the writes of other servers it
 * knows nothing.
 */
import { hashKeyOf } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'

import type { ShardRef } from '../engine/engine.ts'

interface WrittenRecord {
  readonly key: string | undefined
  readonly explicitHash: bigint | undefined
  /** Bytes of data and key. */
  readonly size: number
}

export interface ShardWrites {
  readonly bytes: number
  readonly records: number
  /** Where some of the records lie, chosen evenly over all. */
  readonly hashKeys: readonly bigint[]
}

/** A sample has at most so many, and once there are as many records, at least half of it. */
const SAMPLE_MAX = 64

export class WriteTraffic {
  readonly #random: Random
  #shards = new Map<ShardRef, Sample>()

  constructor(random: Random) {
    this.#random = random
  }

  count(shard: ShardRef, record: WrittenRecord): void {
    let sample = this.#shards.get(shard)
    if (sample === undefined) this.#shards.set(shard, (sample = new Sample()))
    sample.add(record, this.#random)
  }

  /** What was counted since the last call, and counts anew. So nothing is kept of shards that are gone. */
  take(): ReadonlyMap<ShardRef, ShardWrites> {
    const taken = this.#shards
    this.#shards = new Map()
    return taken
  }
}

/** Takes every n-th record on average, and of a full sample every second one is left, as n doubles. */
class Sample implements ShardWrites {
  bytes = 0
  records = 0
  hashKeys: bigint[] = []
  #every = 1
  #next = 1

  add({ key, explicitHash, size }: WrittenRecord, random: Random): void {
    this.bytes += size
    this.records++
    if (this.records < this.#next) return
    if (this.hashKeys.length === SAMPLE_MAX) {
      this.hashKeys = this.hashKeys.filter((_, i) => i % 2 === 0)
      this.#every *= 2
    }
    this.hashKeys.push(explicitHash ?? hashKeyOf(key ?? ''))
    // In uneven steps, or keys that come in turns would give a sample of one of them.
    this.#next = this.records + 1 + randomBelow(random, 2 * this.#every - 1)
  }
}
