/**
 * Takes a backup of a log whose files are held: what is in the backup already is not copied again, what is missing is,
 * and the manifest comes last. An interrupted backup leaves files that the next one finds, and no point. What the drive
 * refuses to read is told, and all else copied: into a file that only this point has, so that the next one tries again.
 *
 * Invariant: what a manifest names is never written again while that manifest stands. What one names that cannot be read
 * is not known, so no file is removed that it may name, and none written over. A point that is whole is never given up for one
 * with damage.
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
  type Manifest,
  type Manifests,
  readManifests,
  type UnreadablePoint,
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
  /** So many whole points are kept, the newest ones, what is newer than them, and all of later versions; `undefined`: all. */
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
  /**
   * What of it could not be read when the point was taken: a sentence for each file, with path and offset, and one where the log
   * took no writes for that.
   */
  readonly damage: readonly string[]
}

export interface TakenBackup extends BackupPoint {
  /** Copied now; the rest was there. */
  readonly copiedBytes: number
  /** Commits of points that were given up for `keep`. */
  readonly removed: readonly number[]
  /** Other points that are there and cannot be read: files that only they need are kept, whatever `keep` says. */
  readonly unreadable: readonly UnreadablePoint[]
}

/** Rejects with LogError `newer-version` where a later version took this very point, and `foreign-file` for another log's. */
export async function takeBackup(options: TakeBackupOptions): Promise<TakenBackup> {
  const { source, held, extras, destination, clock, signal } = options
  for (const folder of [SHARED, POINTS, pointPath(held.commit)]) await destination.makeDirectory(folder)
  for (const folder of ['.', POINTS]) await destination.syncDirectory(folder)
  const { manifests, unreadable } = await readManifests(destination)
  const known = await knownFiles(destination, manifests, held.logId)
  const ownBefore = unreadable.find(({ commit }) => commit === held.commit)
  if (ownBefore?.isNewer === true) throw new LogError('newer-version', ownBefore.reason)

  const missing = held.files.filter(({ key, bytes }) => key === undefined || known.get(storedAs(key))?.bytes !== bytes)
  const total = [...missing, ...extras].reduce((sum, { bytes }) => sum + bytes, 0)
  let copiedBytes = 0
  const onBytes = (bytes: number): void => options.onProgress((copiedBytes += bytes), total)
  const pace = new CopyPace({ clock, bytesPerSecond: options.bytesPerSecond, signal, onBytes })

  const files: BackedUpFile[] = []
  let names = 0
  // Of a log that stood still there may be a point with this folder, whose manifest names files in it.
  const isTaken = async (stored: string): Promise<boolean> =>
    known.has(stored) || (ownBefore !== undefined && (await destination.exists(stored)))
  const ownName = async (): Promise<string> => {
    while (await isTaken(`${pointPath(held.commit)}/${names}`)) names++
    return `${pointPath(held.commit)}/${names++}`
  }
  const copy = async ({ path, bytes }: Omit<HeldFile, 'key'>, shared?: string): Promise<void> => {
    const target = { disk: destination, path: shared ?? (await ownName()) }
    const damagedPath = async (): Promise<string> => (shared === undefined ? target.path : await ownName())
    const copied = await copyFile({ disk: source, path }, { ...target, damagedPath }, bytes, pace)
    const { path: stored, crc32, refused } = copied
    files.push({ path, stored, bytes, crc32, ...(refused.length === 0 ? {} : { refused }) })
  }
  for (const file of held.files) {
    const shared = file.key === undefined ? undefined : storedAs(file.key)
    const before = shared === undefined ? undefined : known.get(shared)
    const isOfOthers = async (path: string): Promise<boolean> =>
      before !== undefined || (unreadable.some((point) => point !== ownBefore) && (await destination.exists(path)))
    if (before?.bytes === file.bytes) files.push({ ...before, path: file.path })
    else if (shared === undefined || (await isOfOthers(shared))) await copy(file)
    else await copy(file, shared)
  }
  for (const extra of extras) await copy(extra)

  const manifest: Manifest = {
    version: BACKUP_VERSION,
    createdMs: clock.now(),
    logId: held.logId,
    commit: held.commit,
    files,
    ...(held.metadataLoss === undefined ? {} : { metadataLoss: held.metadataLoss }),
  }
  const { damage } = pointOf(manifest)
  // Of a log that stands still, as one does that takes no writes.
  const whole = manifests.find((before) => before.commit === held.commit && pointOf(before).damage.length === 0)
  const standing = damage.length > 0 && whole !== undefined ? whole : manifest
  if (standing === manifest) await writeManifest(destination, manifest)
  await removeUnnamed(destination, pointPath(held.commit), namesOf([standing]))
  const removed = options.keep === undefined ? [] : await removeOld(destination, options.keep)
  const others = unreadable.filter(({ commit }) => commit !== held.commit && !removed.includes(commit))
  return { ...pointOf(standing), damage, copiedBytes, removed, unreadable: others }
}

export function pointOf({ commit, createdMs, files, metadataLoss }: Manifest): BackupPoint {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const damage = [...(metadataLoss === undefined ? [] : [metadataLoss]), ...files.flatMap(damageOf)]
  return { commit, createdMs, files: files.length, bytes, damage }
}

function damageOf({ path, refused: [first, ...more] = [] }: BackedUpFile): readonly string[] {
  if (first === undefined) return []
  const others = more.length === 0 ? '' : `, and ${more.length} more`
  return [`${path}: the drive refused to read the page at offset ${first}${others} (EIO); zeros stand there`]
}

function storedAs(key: string): string {
  return `${SHARED}/${key}`
}

/** Files that some point has, by where they are stored. */
async function knownFiles(
  destination: Disk,
  manifests: readonly Manifest[],
  logId: string,
): Promise<ReadonlyMap<string, BackedUpFile>> {
  const known = new Map<string, BackedUpFile>()
  for (const manifest of manifests) {
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

/**
 * First the manifests of old points, then what no manifest names any more: theirs, and what was left by interruptions. The
 * latter waits while one stands that cannot be read: a rotten one until it is older than what is kept.
 */
async function removeOld(destination: Disk, keep: number): Promise<readonly number[]> {
  const all = await readManifests(destination)
  const old = olderThanKept(all, keep)
  for (const commit of old) {
    await destination.remove(manifestPath(commit))
    await destination.syncDirectory(pointPath(commit))
  }
  if (all.unreadable.some(({ commit }) => !old.includes(commit))) return old
  const named = namesOf(all.manifests.filter(({ commit }) => !old.includes(commit)))
  for (const name of await destination.list(POINTS)) {
    if (commitInName(name) !== undefined) await removeUnnamed(destination, `${POINTS}/${name}`, named)
  }
  await removeUnnamed(destination, SHARED, named)
  return old
}

/** Ascending. Without points of later versions. What has damage keeps nothing else from being kept. */
function olderThanKept({ manifests, unreadable }: Manifests, keep: number): readonly number[] {
  const whole = manifests.filter((manifest) => pointOf(manifest).damage.length === 0)
  const oldestKept = whole.at(-keep)?.commit ?? 0
  const ours = [...manifests, ...unreadable.filter(({ isNewer }) => !isNewer)].map(({ commit }) => commit)
  return ours.filter((commit) => commit < oldestKept).sort((a, b) => a - b)
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
