/**
 * The engine of one machine: shards and metadata in one log in one directory, which belongs to this process as long
 * as the engine is open. What an answer has called stored survives `kill -9` and power loss.
 */
import {
  allocateShared,
  type DirectoryLock,
  type Disk,
  Log,
  lockDirectory,
  type LogOptions,
  NodeDisk,
  type Damage,
} from '@millrace/log'
import type { Engine, EngineHealth, EngineDamage } from '../engine.ts'
import { type AcceptedLoss, readAcceptedLosses } from './accepted-losses.ts'
import { serveHolds } from './holds.ts'
import { EmbeddedMetaStore } from './meta-store.ts'
import { EmbeddedShardStore } from './shard-store.ts'

type LogSettings =
  | 'clock'
  | 'random'
  | 'logger'
  | 'durability'
  | 'segmentBytes'
  | 'queueBytesMax'
  | 'tailBytesMax'
  | 'indexCacheBytesMax'
  | 'readBytesMax'
  | 'freeBytesMin'
  | 'bytesMax'
  | 'sealIdleMs'
  | 'onStopped'

export interface EmbeddedEngineOptions extends Pick<LogOptions, LogSettings> {
  /** A directory of the file system; made if need be, and locked. Or a disk that is the caller's alone. */
  readonly storage: { readonly directory: string } | { readonly disk: Disk }
}

/**
 * Opens the engine, recovering what a crash left. Rejects with DirectoryInUseError when another live process has the
 * directory, with LogError `newer-version` or `foreign-file`, naming the file, when it holds what cannot be read.
 */
export async function openEmbeddedEngine(options: EmbeddedEngineOptions): Promise<Engine> {
  const { storage, ...settings } = options
  if ('disk' in storage) return openOn(storage.disk, settings, async () => {})
  // The disk first: it makes the directory's name durable where there was none.
  const disk = await NodeDisk.open(storage.directory)
  let lock: DirectoryLock
  try {
    lock = await lockDirectory(disk.directory, options)
  } catch (error) {
    await disk.close()
    throw error
  }
  const letGo = async (): Promise<void> => {
    await disk.close()
    await lock.release()
  }
  try {
    const acceptedLosses = await readAcceptedLosses(disk.directory)
    const logOptions = { ...settings, allocate: allocateShared }
    return await openOn(disk, logOptions, letGo, { acceptedLosses, onOpen: (log) => serveHolds(lock, log, options) })
  } catch (error) {
    await letGo()
    throw error
  }
}

async function openOn(
  disk: Disk,
  settings: Omit<LogOptions, 'disk' | 'metadata'>,
  letGo: () => Promise<void>,
  directory: { readonly acceptedLosses?: readonly AcceptedLoss[]; readonly onOpen?: (log: Log) => void } = {},
): Promise<Engine> {
  const meta = new EmbeddedMetaStore()
  const log = await Log.open({ ...settings, disk, metadata: meta })
  meta.attach(log)
  directory.onOpen?.(log)
  const shards = new EmbeddedShardStore(log, directory.acceptedLosses)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      try {
        await log.close()
      } finally {
        meta.detach()
        shards.detach()
        await letGo()
      }
    })()
    return closing
  }
  return {
    shards,
    meta,
    health: (): EngineHealth => {
      const { damage, ...health } = log.health()
      return { ...health, damage: damage.map(engineDamage) }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A shard is a ledger of its number. */
export function engineDamage({ reason, ledgers }: Damage): EngineDamage {
  return { reason, shards: ledgers.map(({ ledger, ...lost }) => ({ shard: ledger, ...lost })) }
}
