/**
 * Backup and restore of a data directory: the files of the log, and what belongs to the directory beside it. A backup
 * beside a running server has it hold its files meanwhile; of a stopped one it takes the lock. What is restored is the
 * directory of one commit: everything acknowledged before the backup began is in it.
 */
import { chmod, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import {
  askOwner,
  type BackupListing,
  type BackupPoint,
  type HeldLog,
  holdStopped,
  listBackup,
  lockDirectory,
  NodeDisk,
  restoreBackup,
  takeBackup,
  type TakenBackup,
} from '@millrace/log'
import { type Clock, type Random, withAnySignal } from '@millrace/std'

import { ConfigError } from './config-error.ts'
import { SERVICE_KEY_FILE } from './encryption/local-keys.ts'
import { ACCEPTED_LOSSES_FILE } from './engine/embedded/accepted-losses.ts'
import { HOLD_REQUEST, type HoldReply } from './engine/embedded/holds.ts'

export interface BackupOptions {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** As bytes are copied: how many so far, and of how many. Default: nobody hears. */
  readonly onProgress?: (copied: number, total: number) => void
}

export interface BackupDirectoryOptions extends BackupOptions {
  /** Bytes copied per second at most. Default: 64 MiB, so that a server beside it notices little. */
  readonly bytesPerSecond?: number
  /** So many points in time are kept in the backup, the newest. Default: all. */
  readonly keep?: number
}

export interface RestoreDirectoryOptions extends BackupOptions {
  /** The commit of a point in time. Default: the newest. */
  readonly point?: number
}

const BYTES_PER_SECOND_DEFAULT = 64 * 2 ** 20
/** Beside the log: keys that callers have, the key of the service's own, losses that were accepted, a certificate that clients may have pinned. */
const EXTRA_FILES = ['credentials.yaml', SERVICE_KEY_FILE, ACCEPTED_LOSSES_FILE] as const
const EXTRA_FOLDERS = ['tls'] as const
const SECRET_MODE = 0o600

/** Rejects with ConfigError, LogError, or the reason that `signal` was aborted with. The backup stays usable. */
export async function backupDirectory(
  directory: string,
  destination: string,
  options: BackupDirectoryOptions,
): Promise<TakenBackup> {
  const log = await stat(`${directory}/log`).catch(() => undefined)
  if (log?.isDirectory() !== true) throw new ConfigError(`${directory}: expected a data directory, found no log in it`)
  if (await isInside(destination, directory))
    throw new ConfigError(`${destination}: expected a place outside of ${directory}, which it is to save`)
  await mkdir(destination, { recursive: true, mode: 0o700 })
  const there = (await readdir(destination)).filter((name) => !['shared', 'points', 'lock'].includes(name))
  if (there.length > 0)
    throw new ConfigError(`${destination}: expected a backup or an empty directory, found ${there[0]}`)
  // One backup at a time into one place.
  await using _turn = await lockDirectory(destination, options)
  const target = await NodeDisk.open(destination)
  const source = await NodeDisk.open(directory)
  try {
    await using hold = await holdDirectory(directory, source, options)
    const extras = await extrasOf(directory)
    return await withAnySignal([options.signal, hold.broken], (signal) =>
      takeBackup({
        source,
        held: hold.held,
        extras,
        destination: target,
        clock: options.clock,
        bytesPerSecond: options.bytesPerSecond ?? BYTES_PER_SECOND_DEFAULT,
        keep: options.keep,
        signal,
        onProgress: options.onProgress ?? (() => {}),
      }),
    )
  } finally {
    await source.close()
    await target.close()
  }
}

/** The points in time that a backup holds. */
export async function listBackupPoints(destination: string): Promise<BackupListing> {
  return await withBackup(destination, listBackup)
}

/** Rejects as `backupDirectory` does. The directory appears only when it is whole, and then durably. */
export async function restoreDirectory(
  destination: string,
  directory: string,
  options: RestoreDirectoryOptions,
): Promise<BackupPoint> {
  const there = await readdir(directory).catch(() => [])
  if (there.length > 0)
    throw new ConfigError(`${directory}: expected no directory or an empty one, found ${there[0]} in it`)
  return await withBackup(destination, async (backup) => {
    const building = `${directory}.restoring`
    await rm(building, { recursive: true, force: true })
    const parent = await NodeDisk.open(dirname(directory))
    const target = await NodeDisk.open(building)
    try {
      const point = await restoreBackup({
        backup,
        target,
        point: options.point,
        clock: options.clock,
        random: options.random,
        signal: options.signal,
        onProgress: options.onProgress ?? (() => {}),
      })
      for (const { path } of await extrasOf(building)) await chmod(join(building, path), SECRET_MODE)
      await rmdir(directory).catch(() => undefined)
      await parent.rename(basename(building), basename(directory))
      await parent.syncDirectory('.')
      return point
    } catch (error) {
      await rm(building, { recursive: true, force: true })
      throw error
    } finally {
      await target.close()
      await parent.close()
    }
  })
}

async function withBackup<T>(destination: string, work: (backup: NodeDisk) => Promise<T>): Promise<T> {
  const points = await stat(`${destination}/points`).catch(() => undefined)
  if (points?.isDirectory() !== true) throw new ConfigError(`${destination}: expected a backup, found none`)
  const backup = await NodeDisk.open(destination)
  try {
    return await work(backup)
  } finally {
    await backup.close()
  }
}

interface DirectoryHold extends AsyncDisposable {
  readonly held: HeldLog
  /** Aborted when the files may change from now on. */
  readonly broken: AbortSignal
}

/** Has the owner hold the files, or holds them itself where there is none. */
async function holdDirectory(directory: string, disk: NodeDisk, options: BackupOptions): Promise<DirectoryHold> {
  const owner = await askOwner(directory, HOLD_REQUEST, options)
  const broken = new AbortController()
  if (owner === undefined) {
    const lock = await lockDirectory(directory, options)
    try {
      const held = await holdStopped(disk)
      return { held, broken: broken.signal, [Symbol.asyncDispose]: () => lock.release() }
    } catch (error) {
      await lock.release()
      throw error
    }
  }
  const reply = JSON.parse(owner.line) as HoldReply
  if ('refused' in reply) {
    owner.socket.destroy()
    throw new ConfigError(`${directory}: the server that uses it does not hold its files: ${reply.refused}`)
  }
  owner.socket.resume()
  owner.socket.on('close', () =>
    broken.abort(new ConfigError(`${directory}: the server stopped, or needed its space back; take the backup again`)),
  )
  return {
    held: reply.held,
    broken: broken.signal,
    async [Symbol.asyncDispose]() {
      owner.socket.removeAllListeners('close')
      owner.socket.destroy()
    },
  }
}

async function extrasOf(directory: string): Promise<readonly { readonly path: string; readonly bytes: number }[]> {
  const paths: string[] = [...EXTRA_FILES]
  for (const folder of EXTRA_FOLDERS) {
    const names = await readdir(join(directory, folder)).catch(() => [])
    paths.push(...names.map((name) => `${folder}/${name}`))
  }
  const extras: { path: string; bytes: number }[] = []
  for (const path of paths) {
    const found = await stat(join(directory, path)).catch(() => undefined)
    if (found?.isFile() === true) extras.push({ path, bytes: found.size })
  }
  return extras
}

async function isInside(path: string, directory: string): Promise<boolean> {
  return `${path}/`.startsWith(`${directory}/`)
}
