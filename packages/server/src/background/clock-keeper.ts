/**
 * Keeps what the guarded clock knows in metadata: a restart teaches nothing about the time, so the next service goes on
 * from there. Of several servers of one engine the last to write counts.
 */
import type { Clock, Logger } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import { decodeDocument, encodeDocument } from '../catalog/documents.ts'
import { type Engine, EngineError, type MetaStore } from '../engine/engine.ts'
import { shardsOf } from '../streams/stream.ts'
import { GuardedClock, type KnownTime } from './guarded-clock.ts'

const CLOCK_KEY = 'clock'
/** How old what is kept may be while the clock does nothing: so much does a start doubt beyond what it was away for. */
const KEEP_EVERY_MS = 3_600_000
/** Changes of the wall clock's rate are not worth a write each. */
const STEP_BACK_MS = 1_000
/** A service that closes waits for no longer; one that goes on tries again. */
const WRITE_DEADLINE_MS = 5_000

export interface ClockKeeperOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly logger: Logger
}

export class ClockKeeper {
  readonly guardedClock: GuardedClock
  readonly #meta: MetaStore
  readonly #clock: Clock
  #kept: KnownTime | undefined

  private constructor({ engine, clock, logger }: ClockKeeperOptions, known: KnownTime | undefined) {
    this.#meta = engine.meta
    this.#clock = clock
    this.guardedClock = new GuardedClock({ clock, logger, known })
  }

  /** Rejects with EngineError if metadata cannot be read. */
  static async open(options: ClockKeeperOptions): Promise<ClockKeeper> {
    const entry = await options.engine.meta.get(CLOCK_KEY)
    const known = entry === undefined ? await guess(options) : decodeDocument<KnownTime>(CLOCK_KEY, entry.value)
    const keeper = new ClockKeeper(options, known)
    if (entry !== undefined) keeper.#kept = known
    // Before anything is put by this clock, which may step.
    else await keeper.keep()
    return keeper
  }

  /** Stores what is known, if there is something new to it. What cannot be stored now is tried again at the next call. */
  async keep(): Promise<void> {
    const known = this.guardedClock.known()
    if (!isNews(known, this.#kept)) return
    try {
      const entry = await this.#meta.get(CLOCK_KEY)
      const change = { key: CLOCK_KEY, value: encodeDocument(known), expect: entry?.revision ?? 0 }
      const result = await this.#meta.cas([change], { deadlineMs: this.#clock.monotonic() + WRITE_DEADLINE_MS })
      if (result.ok) this.#kept = known
    } catch (error) {
      // A full or failing disk has been told of.
      if (!(error instanceof EngineError)) throw error
    }
  }
}

function isNews(known: KnownTime, kept: KnownTime | undefined): boolean {
  return (
    kept === undefined ||
    known.past !== kept.past ||
    kept.offsetMs - known.offsetMs > STEP_BACK_MS ||
    known.passedMs - kept.passedMs >= KEEP_EVERY_MS
  )
}

/** For a directory in which nothing was kept yet: the newest record of any shard tells when it was last written to. */
async function guess({ engine, catalog, logger }: ClockKeeperOptions): Promise<KnownTime | undefined> {
  let newestMs: number | undefined
  for (const stream of catalog.all()) {
    if (stream.status === 'CREATING' || stream.status === 'DELETING') continue
    for (const shard of shardsOf(stream)) {
      if (shard.closed !== undefined) continue
      try {
        const { endTimeMs } = await engine.shards.bounds(shard.ref)
        newestMs = Math.max(newestMs ?? 0, endTimeMs)
      } catch (error) {
        // One shard that cannot be asked must not keep the others from being served.
        if (!(error instanceof EngineError)) throw error
        logger.warn('a shard could not be asked for its newest record', {
          stream: stream.name,
          account: stream.account,
          region: stream.region,
          shard: shard.number,
          code: error.code,
          reason: error.message,
        })
      }
    }
  }
  return newestMs === undefined ? undefined : { passedMs: 0, wallMs: newestMs, offsetMs: newestMs, past: [] }
}
