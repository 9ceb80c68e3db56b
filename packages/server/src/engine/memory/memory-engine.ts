/**
 * The engine that keeps everything in memory: the oracle the other engines are compared with, the engine of unit
 * tests, and what `--data-dir :memory:` runs on (docs/decisions/025-memory-engine.md). Nothing survives it.
 */
import type { Clock } from '@millrace/std'
import type { Engine, EngineHealth } from '../engine.ts'
import { MemoryFaults } from './memory-faults.ts'
import { MemoryMetaStore } from './meta-store.ts'
import { MemoryShardStore } from './shard-store.ts'

/** Without a disk the bound is memory; a day of a busy shard fits. */
const BYTES_MAX_DEFAULT = 512 * 1024 * 1024

export interface MemoryEngineOptions {
  readonly clock: Clock
  /** The most that stored records may take; beyond it appends fail with `no-space`. Default: 512 MiB. */
  readonly bytesMax?: number
}

export interface MemoryEngine extends Engine {
  /** For tests: fail, hold, damage. */
  readonly faults: MemoryFaults
}

export function createMemoryEngine(options: MemoryEngineOptions): MemoryEngine {
  const faults = new MemoryFaults()
  const shards = new MemoryShardStore({ clock: options.clock, faults, bytesMax: options.bytesMax ?? BYTES_MAX_DEFAULT })
  const meta = new MemoryMetaStore(shards.queue)
  const close = (): Promise<void> => shards.queue.close()
  return {
    faults,
    shards,
    meta,
    health(): EngineHealth {
      const damage = faults.describeDamage()
      if (shards.queue.closed) return { writable: false, reason: 'the engine is closed', damage }
      const failure = faults.failure
      return failure === undefined ? { writable: true, damage } : { writable: false, reason: failure, damage }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
