/**
 * Gives back what no reader may see any more: tells the engine the trim floor of every shard, and takes closed shards
 * without a visible record off the list. Readers do not wait for it: what has expired is hidden from them already.
 */
import type { Clock, Logger } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import { type Engine, EngineError } from '../engine/engine.ts'
import { isExpired, visibleFromMs } from '../streams/retention.ts'
import { findShard, replaceShards, shardsOf, type Stream } from '../streams/stream.ts'
import type { Throughput } from '../streams/throughput.ts'
import type { GuardedClock } from './guarded-clock.ts'

const HOUR_MS = 3_600_000
const WRITE_DEADLINE_MS = 30_000
/**
 * Space is given back so much later than records are hidden: another server may just have made the retention longer,
 * and what this one has not yet heard of must not be lost.
 */
const GIVE_BACK_LAG_MS = 60_000

export interface RetentionOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly guardedClock: GuardedClock
  readonly throughput: Throughput
  readonly logger: Logger
}

export class Retention {
  readonly #options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** One round over all streams. A stream whose turn fails keeps what it has until the next round. */
  async enforce(): Promise<void> {
    for (const stream of this.#options.catalog.all()) {
      // Others are about to change their shards, or to lose them all.
      if (stream.status !== 'ACTIVE') continue
      try {
        await this.#enforce(stream)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        this.#options.logger.warn('expired records could not be given back; it will be tried again', {
          stream: stream.name,
          account: stream.account,
          region: stream.region,
          error: error.message,
        })
      }
    }
  }

  async #enforce(stream: Stream): Promise<void> {
    const { engine, catalog, clock, guardedClock, throughput } = this.#options
    const beforeMs = visibleFromMs(stream, guardedClock.now()) - GIVE_BACK_LAG_MS
    const retentionMs = stream.retentionHours * HOUR_MS
    await engine.shards.trim([...shardsOf(stream)].map((shard) => ({ shard: shard.ref, beforeMs, retentionMs })))
    const expired = [...shardsOf(stream)].filter((shard) => isExpired(shard, beforeMs))
    if (expired.length === 0) return
    const deadlineMs = clock.monotonic() + WRITE_DEADLINE_MS
    const refs = expired.map((shard) => shard.ref)
    // First the records, then the list: a crash between the two leaves something to drop again, not to forget.
    await engine.shards.drop(refs, { deadlineMs })
    throughput.forget(refs)
    const numbers = expired.map((shard) => shard.number)
    await catalog.change(stream, deadlineMs, (now) => {
      if (now === undefined || now.bornS !== stream.bornS) return { stream: now }
      const present = numbers.filter((number) => findShard(now, number) !== undefined)
      if (present.length === 0) return { stream: now }
      return { stream: { ...now, pages: replaceShards(now.pages, [], present) } }
    })
  }
}
