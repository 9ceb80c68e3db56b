/**
 * Gives encrypted streams a new data key when it is time: the one in use is old, its master key has newer material, or
 * the stream's alias means another master key. Any server may; of two at once, one has its way.
 */
import { KinesisError } from '@millrace/protocol'
import type { Clock, Logger } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import type { DataKeys } from '../encryption/data-keys.ts'
import { sinceNowMs } from '../encryption/key-change.ts'
import { type Engine, EngineError } from '../engine/engine.ts'
import { DATA_KEYS_MAX, dataKeyInUse, dataKeysOf, withoutExpiredKeys } from '../streams/encryption.ts'
import { isServing, type Stream } from '../streams/stream.ts'
import type { GuardedClock } from './guarded-clock.ts'

/** A renewal that takes longer is given up, and taken up again with the next round. */
const RENEWAL_DEADLINE_MS = 30_000

export interface KeyRenewalOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly guardedClock: GuardedClock
  readonly dataKeys: DataKeys
  readonly logger: Logger
}

export class KeyRenewal {
  readonly #options: KeyRenewalOptions

  constructor(options: KeyRenewalOptions) {
    this.#options = options
  }

  /** One round over all streams. */
  async renewDue(): Promise<void> {
    for (const stream of this.#options.catalog.all()) {
      if (stream.keyId === undefined || !isServing(stream)) continue
      try {
        await this.#renew(stream)
      } catch (error) {
        // What is wrong with the master key is told to whoever writes.
        if (error instanceof KinesisError) continue
        if (!(error instanceof EngineError)) throw error
        this.#warn(stream, error.message)
      }
    }
  }

  async #renew(stream: Stream): Promise<void> {
    const { engine, catalog, clock, guardedClock, dataKeys } = this.#options
    const master = dataKeys.renewal(stream, clock.now())
    if (master === undefined) return
    const sinceMs = await sinceNowMs(stream, engine, clock.now())
    const replaced = dataKeyInUse(stream)?.id
    let isFull = false
    await catalog.change(stream, clock.monotonic() + RENEWAL_DEADLINE_MS, (now) => {
      if (now === undefined || now.bornS !== stream.bornS || dataKeyInUse(now)?.id !== replaced) return { stream: now }
      // A key that is about to be put in use has the next id already.
      if (!isServing(now) || now.change?.kind === 'encryption') return { stream: now }
      const current = withoutExpiredKeys(now, guardedClock.now(now.retentionHours))
      isFull = dataKeysOf(current).length >= DATA_KEYS_MAX
      if (isFull) return { stream: now }
      return { stream: { ...current, dataKeys: [...dataKeysOf(current), dataKeys.create(now, master, sinceMs)] } }
    })
    if (isFull) this.#warn(stream, `records are still under ${DATA_KEYS_MAX} data keys`)
  }

  #warn({ name, account, region }: Stream, reason: string): void {
    this.#options.logger.warn('a stream could not be given a new data key; it will be tried again', {
      stream: name,
      account,
      region,
      reason,
    })
  }
}
