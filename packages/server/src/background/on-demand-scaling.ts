/**
 * Scales the on-demand streams: looks every ten seconds at what this server wrote to their shards, remembers their peaks,
 * and begins the splits or merges that follow, which are finished like any other change. Several servers do so for the
 * same streams. Each sees its own writes only; what one remembers counts for all, and of two that begin something at
 * once one comes too late and sees that.
 */
import type { Clock, Logger } from '@millrace/std'

import { isInForce, readAccountSettings } from '../catalog/account-settings.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type Engine, EngineError } from '../engine/engine.ts'
import {
  PEAK_DAYS,
  scaleOnDemand,
  type ShardCapacity,
  shardsForWarmThroughput,
  type Traffic,
} from '../streams/on-demand.ts'
import { beginReshard } from '../streams/reshard.ts'
import { isServing, type Stream } from '../streams/stream.ts'
import type { WriteTraffic } from '../streams/write-traffic.ts'
import type { GuardedClock } from './guarded-clock.ts'

/** How long traffic is added up before it counts: a shorter burst is the buckets' affair. */
export const ON_DEMAND_EVERY_MS = 10_000
const WRITE_DEADLINE_MS = 30_000

export interface OnDemandScalingOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly guardedClock: GuardedClock
  readonly traffic: WriteTraffic
  readonly shardCapacity: ShardCapacity
  readonly quotas: { readonly shards: number; readonly onDemandShards: number }
  readonly logger: Logger
}

export class OnDemandScaling {
  readonly #options: OnDemandScalingOptions
  #takenMs: number

  constructor(options: OnDemandScalingOptions) {
    this.#options = options
    this.#takenMs = options.clock.monotonic()
  }

  /** One round over all on-demand streams. One whose turn fails has its next turn in the next round. */
  async scale(): Promise<void> {
    const { catalog, clock, logger, traffic } = this.#options
    const nowMs = clock.monotonic()
    const taken: Traffic = { seconds: (nowMs - this.#takenMs) / 1000, writes: traffic.take() }
    this.#takenMs = nowMs
    for (const stream of catalog.all()) {
      if (stream.onDemand === undefined || !isServing(stream)) continue
      try {
        await this.#scale(stream, taken)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        logger.warn('an on-demand stream could not be scaled; it will be tried again', {
          stream: stream.name,
          account: stream.account,
          region: stream.region,
          error: error.message,
        })
      }
    }
  }

  async #scale(stream: Stream, traffic: Traffic): Promise<void> {
    const { catalog, clock, guardedClock, shardCapacity: capacity, quotas } = this.#options
    const isCommitted = await this.#isCommitted(stream)
    await catalog.change(stream, clock.monotonic() + WRITE_DEADLINE_MS, (now, firstRef) => {
      if (now?.onDemand === undefined || now.bornS !== stream.bornS || !isServing(now)) return { stream: now }
      const { onDemand, steps } = scaleOnDemand(now, now.onDemand, traffic, {
        capacity,
        nowMs: guardedClock.now(PEAK_DAYS * 24),
        shardsMin: shardsForWarmThroughput(isCommitted ? now.onDemand.warmMiBps : 0, capacity),
        shardsMax: quotas.onDemandShards,
        room: () => quotas.shards - catalog.totals(now.account, now.region).openShards,
      })
      const remembered = onDemand === now.onDemand ? now : { ...now, onDemand }
      return steps.length === 0 ? { stream: remembered } : beginReshard(remembered, steps, firstRef, clock.now())
    })
  }

  /** Warm throughput lasts as long as the account's commitment. */
  async #isCommitted({ onDemand, account, region }: Stream): Promise<boolean> {
    if (onDemand === undefined || onDemand.warmMiBps === 0) return false
    const { engine, clock } = this.#options
    const { commitment } = await readAccountSettings(engine.meta, { account, region })
    return isInForce(commitment, clock.now())
  }
}
