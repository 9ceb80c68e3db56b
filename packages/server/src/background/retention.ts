/**
 * Gives back what no reader may see any more: tells the engine the trim floor of every shard, and takes closed shards
 * without a visible record off the list. Readers do not wait for it: what has expired is hidden from them already.
 */
import { setImmediate } from 'node:timers/promises'

import type { Clock, Logger } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import { type Engine, EngineError } from '../engine/engine.ts'
import { isExpired, visibleFromMs } from '../streams/retention.ts'
import type { Shard } from '../streams/shard.ts'
import { findShard, replaceShards, type ShardPages, shardsOf, type Stream, type StreamKey } from '../streams/stream.ts'
import type { Throughput } from '../streams/throughput.ts'
import type { GuardedClock } from './guarded-clock.ts'

const HOUR_MS = 3_600_000
const WRITE_DEADLINE_MS = 30_000
/**
 * Space is given back so much later than records are hidden: another server may just have made the retention longer,
 * and what this one has not yet heard of must not be lost.
 */
const GIVE_BACK_LAG_MS = 60_000
/**
 * A stream's floors move on in steps of this share of its retention, 15 minutes of a day: each step is written for all
 * its shards, used or not, and one more in a hundred records takes up space meanwhile.
 */
const STEPS_PER_RETENTION = 96

export interface RetentionOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly guardedClock: GuardedClock
  readonly throughput: Throughput
  readonly logger: Logger
}

/** What the engine was last told of a stream's shards. */
interface Told {
  readonly closed: readonly Shard[]
  readonly retentionHours: number
  readonly beforeMs: number
}

export class Retention {
  readonly #options: RetentionOptions
  /** By the shards: where those are others, there is something new to say. */
  readonly #told = new WeakMap<ShardPages, Told>()

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** One round over all streams. A stream whose turn fails keeps what it has until the next round. */
  async enforce(): Promise<void> {
    for (const stream of this.#options.catalog.all()) {
      // Others are about to change their shards, or to lose them all.
      if (stream.status !== 'ACTIVE') continue
      try {
        await this.#dropExpired(stream, (await this.#tell(stream)).closed)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        if (error.code === 'no-space') {
          // A full disk has been told of, and takes this once it gives something back. It refuses without waiting for
          // anything, a thousand streams in one turn: everybody else gets one between them.
          await setImmediate()
          continue
        }
        this.#options.logger.warn('expired records could not be given back; it will be tried again', {
          stream: stream.name,
          account: stream.account,
          region: stream.region,
          error: error.message,
        })
      }
    }
  }

  /**
   * Tells the engine at once how long a stream's records are kept now: they were for a shorter time, and on a full disk it may
   * hold floors of that time still, to store them with those of other streams. The next round tells it again, since the time
   * may become another one before. Rejects: EngineError.
   */
  async tellLonger(key: StreamKey): Promise<void> {
    const stream = this.#options.catalog.find(key)
    if (stream === undefined) return
    this.#told.delete(stream.pages)
    const kept = { beforeMs: 0, retentionMs: stream.retentionHours * HOUR_MS }
    await this.#options.engine.shards.trim([...shardsOf(stream)].map(({ ref }) => ({ shard: ref, ...kept })))
  }

  #giveBackBeforeMs(stream: Stream): number {
    return visibleFromMs(stream, this.#options.guardedClock.now(stream.retentionHours)) - GIVE_BACK_LAG_MS
  }

  /** Tells the engine the floor of every shard, where there is something new to say. */
  async #tell(stream: Stream): Promise<Told> {
    const { pages, retentionHours } = stream
    const beforeMs = this.#giveBackBeforeMs(stream)
    const retentionMs = retentionHours * HOUR_MS
    const last = this.#told.get(pages)
    const isNews =
      last?.retentionHours !== retentionHours || beforeMs - last.beforeMs >= retentionMs / STEPS_PER_RETENTION
    if (!isNews) return last
    const shards = [...shardsOf(stream)]
    const now = { closed: shards.filter((shard) => shard.closed !== undefined), retentionHours, beforeMs }
    // Not when it answers: something else may have been told meanwhile.
    this.#told.set(pages, now)
    try {
      await this.#options.engine.shards.trim(shards.map((shard) => ({ shard: shard.ref, beforeMs, retentionMs })))
    } catch (error) {
      this.#told.delete(pages)
      throw error
    }
    return now
  }

  async #dropExpired(stream: Stream, closed: readonly Shard[]): Promise<void> {
    const { engine, catalog, clock, throughput } = this.#options
    const beforeMs = this.#giveBackBeforeMs(stream)
    const expired = closed.filter((shard) => isExpired(shard, beforeMs))
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
