/**
 * Takes a backup of a log whose files are held: what is in the backup already is not copied again, what is missing is,
 * and the manifest comes last. An interrupted backup leaves files that the next one finds, and no point.
 *
 * Invariant: what a manifest names is never written again while that manifest stands.
 */
import type { Clock } from '@millrace/std'
import type { Disk } from '../disk.ts'
import type { HeldFile, HeldLog } from '../held-files.ts'
import { LogError } from '../log-error.ts'
import { CopyPace, copyFile } from './copy-file.ts'
import { commitInName, manifestPath, pointPath, POINTS, SHARED } from './layout.ts'
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
  let names = 0
  const ownName = (): string => {
    // Of a log that stood still there may be a point with this folder, whose manifest names files in it.
    while (known.has(`${pointPath(held.commit)}/${names}`)) names++
    return `${pointPath(held.commit)}/${names++}`
  }
  const copy = async ({ path, bytes }: Omit<HeldFile, 'key'>, stored: string): Promise<void> => {
    const sum = await copyFile({ disk: source, path }, { disk: destination, path: stored }, bytes, pace)
    files.push({ path, stored, bytes, crc32: sum })
  }
  for (const file of held.files) {
    const stored = file.key === undefined ? ownName() : storedAs(file.key)
    const before = known.get(stored)
    if (before === undefined) await copy(file, stored)
    else files.push({ ...before, path: file.path })
  }
  for (const extra of extras) await copy(extra, ownName())

  const manifest: Manifest = {
    version: BACKUP_VERSION,
    createdMs: clock.now(),
    logId: held.logId,
    commit: held.commit,
    files,
  }
  await writeManifest(destination, manifest)
  await removeUnnamed(destination, pointPath(held.commit), namesOf([manifest]))
  const removed = options.keep === undefined ? [] : await removeOld(destination, options.keep)
  return { ...pointOf(manifest), copiedBytes, removed }
}

export function pointOf({ commit, createdMs, files }: Manifest): BackupPoint {
  return { commit, createdMs, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
}

function storedAs(key: string): string {
  return `${SHARED}/${key}`
}

/** Files that some point has, by where they are stored. */
async function knownFiles(destination: Disk, logId: string): Promise<ReadonlyMap<string, BackedUpFile>> {
  const known = new Map<string, BackedUpFile>()
  for (const manifest of await manifestsOf(destination)) {
    if (manifest.logId !== logId) {
      throw new LogError(
        'foreign-file',
        `${manifestPath(manifest.commit)}: this backup is of another data directory; each has a backup of its own`,
      )
    }
    for (const file of manifest.files) if (await destination.exists(file.stored)) known.set(file.stored, file)
  }
  return known
}

async function manifestsOf(destination: Disk): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = []
  for (const commit of await listPoints(destination)) manifests.push(await readManifest(destination, commit))
  return manifests
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

/** First the manifests of old points, then what no manifest names any more: theirs, and what was left by interruptions. */
async function removeOld(destination: Disk, keep: number): Promise<readonly number[]> {
  const commits = await listPoints(destination)
  const old = commits.slice(0, Math.max(0, commits.length - keep))
  for (const commit of old) {
    await destination.remove(manifestPath(commit))
    await destination.syncDirectory(pointPath(commit))
  }
  const named = namesOf(await manifestsOf(destination))
  for (const name of await destination.list(POINTS)) {
    if (commitInName(name) !== undefined) await removeUnnamed(destination, `${POINTS}/${name}`, named)
  }
  await removeUnnamed(destination, SHARED, named)
  return old
}

function namesOf(manifests: readonly Manifest[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { commit, files } of manifests) {
    names.add(manifestPath(commit))
    for (const { stored } of files) names.add(stored)
  }
  return names
}

async function removeUnnamed(destination: Disk, folder: string, named: ReadonlySet<string>): Promise<void> {
  for (const name of await destination.list(folder)) {
    if (!named.has(`${folder}/${name}`)) await destination.remove(`${folder}/${name}`)
  }
}
