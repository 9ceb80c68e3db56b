/**
 * Takes a backup of a log whose files are held: what is in the backup already is not copied again, what is missing is,
 * and the manifest comes last. An interrupted backup leaves files that the next one finds, and no point.
 */
import type { Clock } from '@millrace/std'
import type { Disk } from '../disk.ts'
import type { HeldFile, HeldLog } from '../held-files.ts'
import { LogError } from '../log-error.ts'
import { CopyPace, copyFile } from './copy-file.ts'
import { manifestPath, pointPath, POINTS, SHARED } from './layout.ts'
import {
  BACKUP_VERSION,
  type BackedUpFile,
  encodeManifest,
  listPoints,
  type Manifest,
  readManifest,
} from './manifest.ts'

export interface TakeBackupOptions {
  /** The data directory. */
  readonly source: Disk
  readonly held: HeldLog
  /** Files beside the log that belong to it, by path. */
  readonly extras: readonly { readonly path: string; readonly bytes: number }[]
  readonly destination: Disk
  readonly clock: Clock
  /** How fast is copied at most, so that a server beside it notices little. */
  readonly bytesPerSecond: number
  /** So many points are kept, the newest ones; `undefined`: all. */
  readonly keep: number | undefined
  readonly signal: AbortSignal
  /** Called as bytes are copied, with those of all that is to be copied. */
  readonly onProgress: (copied: number, total: number) => void
}

export interface BackupPoint {
  readonly commit: number
  readonly createdMs: number
  readonly files: number
  /** Of the data directory at that point. */
  readonly bytes: number
}

export interface TakenBackup extends BackupPoint {
  /** Copied now; the rest was there. */
  readonly copiedBytes: number
  /** Commits of points that were given up for `keep`. */
  readonly removed: readonly number[]
}

export async function takeBackup(options: TakeBackupOptions): Promise<TakenBackup> {
  const { source, held, extras, destination, clock, signal } = options
  for (const folder of [SHARED, POINTS, pointPath(held.commit)]) await destination.makeDirectory(folder)
  for (const folder of ['.', POINTS]) await destination.syncDirectory(folder)
  const known = await knownFiles(destination, held.logId)

  const missing = held.files.filter(({ key, bytes }) => key === undefined || known.get(storedAs(key))?.bytes !== bytes)
  const total = [...missing, ...extras].reduce((sum, { bytes }) => sum + bytes, 0)
  let copiedBytes = 0
  const onBytes = (bytes: number): void => options.onProgress((copiedBytes += bytes), total)
  const pace = new CopyPace({ clock, bytesPerSecond: options.bytesPerSecond, signal, onBytes })

  const files: BackedUpFile[] = []
  const copy = async ({ path, bytes }: Omit<HeldFile, 'key'>, stored: string): Promise<void> => {
    const sum = await copyFile({ disk: source, path }, { disk: destination, path: stored }, bytes, pace)
    files.push({ path, stored, bytes, crc32: sum })
  }
  for (const file of held.files) {
    const stored = file.key === undefined ? `${pointPath(held.commit)}/${files.length}` : storedAs(file.key)
    const before = known.get(stored)
    if (before?.bytes === file.bytes) files.push({ ...before, path: file.path })
    else await copy(file, stored)
  }
  for (const extra of extras) await copy(extra, `${pointPath(held.commit)}/${files.length}`)

  const manifest: Manifest = {
    version: BACKUP_VERSION,
    createdMs: clock.now(),
    logId: held.logId,
    commit: held.commit,
    files,
  }
  await writeManifest(destination, manifest)
  const removed = options.keep === undefined ? [] : await removeOld(destination, options.keep)
  return { ...pointOf(manifest), copiedBytes, removed }
}

export function pointOf({ commit, createdMs, files }: Manifest): BackupPoint {
  return { commit, createdMs, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
}

function storedAs(key: string): string {
  return `${SHARED}/${key}`
}

/** Shared files that some point has, by where they are stored. */
async function knownFiles(destination: Disk, logId: string): Promise<ReadonlyMap<string, BackedUpFile>> {
  const known = new Map<string, BackedUpFile>()
  for (const commit of await listPoints(destination)) {
    const manifest = await readManifest(destination, commit)
    if (manifest.logId !== logId) {
      throw new LogError(
        'foreign-file',
        `${manifestPath(commit)}: this backup is of another data directory; each has a backup of its own`,
      )
    }
    for (const file of manifest.files) {
      if (file.stored.startsWith(`${SHARED}/`) && (await destination.exists(file.stored))) known.set(file.stored, file)
    }
  }
  return known
}

async function writeManifest(destination: Disk, manifest: Manifest): Promise<void> {
  const path = manifestPath(manifest.commit)
  const temporary = `${path}.tmp`
  if (await destination.exists(temporary)) await destination.remove(temporary)
  const file = await destination.create(temporary)
  try {
    await file.write(encodeManifest(manifest), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await destination.rename(temporary, path)
  await destination.syncDirectory(pointPath(manifest.commit))
}

/** First the manifests of old points, then what no manifest names any more. */
async function removeOld(destination: Disk, keep: number): Promise<readonly number[]> {
  const commits = await listPoints(destination)
  const old = commits.slice(0, Math.max(0, commits.length - keep))
  for (const commit of old) {
    await destination.remove(manifestPath(commit))
    await destination.syncDirectory(pointPath(commit))
    for (const name of await destination.list(pointPath(commit)))
      await destination.remove(`${pointPath(commit)}/${name}`)
  }
  const used = new Set<string>()
  for (const commit of await listPoints(destination)) {
    for (const { stored } of (await readManifest(destination, commit)).files) used.add(stored)
  }
  for (const name of await destination.list(SHARED)) {
    if (!used.has(storedAs(name))) await destination.remove(storedAs(name))
  }
  return old
}
