/**
 * Brings a point of a backup back into an empty directory, every file against its checksum, as a log that gives no
 * position again which it may have given after that point.
 */
import type { Clock, Random } from '@millrace/std'
import type { Disk } from '../disk.ts'
import { LogError } from '../log-error.ts'
import { CopyPace, copyFile } from './copy-file.ts'
import { leaveGap } from './leave-gap.ts'
import { isRefusedRead } from '../refused-read.ts'
import { manifestPath, POINTS } from './layout.ts'
import { listPoints, readManifest, readManifests, type UnreadablePoint } from './manifest.ts'
import { type BackupPoint, pointOf } from './take-backup.ts'

export interface RestoreBackupOptions {
  readonly backup: Disk
  /** An empty directory. */
  readonly target: Disk
  /** The commit of a point; `undefined`: the newest. */
  readonly point: number | undefined
  /** Its wall clock says how long the log went on after the point. */
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly onProgress: (copied: number, total: number) => void
}

export interface BackupListing {
  /** Oldest first. */
  readonly points: readonly BackupPoint[]
  /** Points that cannot be restored, unless their manifest can be read again. */
  readonly unreadable: readonly UnreadablePoint[]
}

/** What points in time a backup holds. */
export async function listBackup(backup: Disk): Promise<BackupListing> {
  const { manifests, unreadable } = await readManifests(backup)
  return { points: manifests.map(pointOf), unreadable }
}

/** Rejects with LogError `damaged` naming the file that is missing, too short, refused by the drive or fails its checksum. */
export async function restoreBackup(options: RestoreBackupOptions): Promise<BackupPoint> {
  const { backup, target, clock, signal } = options
  const commits = await listPoints(backup)
  const commit = options.point ?? commits.at(-1)
  if (commit === undefined || !commits.includes(commit)) {
    const there = commits.length === 0 ? 'there is none' : `there are ${commits.join(', ')}`
    throw new LogError(
      'damaged',
      `${POINTS}: expected ${commit === undefined ? 'a point' : `point ${commit}`}, ${there}`,
    )
  }
  const manifest = await told(manifestPath(commit), readManifest(backup, commit))
  const point = pointOf(manifest)
  let copiedBytes = 0
  const onBytes = (bytes: number): void => options.onProgress((copiedBytes += bytes), point.bytes)
  const pace = new CopyPace({ clock, bytesPerSecond: Number.POSITIVE_INFINITY, signal, onBytes })
  const folders = new Set<string>(['log', 'meta', 'spare'])
  for (const { path } of manifest.files) if (path.includes('/')) folders.add(path.slice(0, path.lastIndexOf('/')))
  for (const folder of folders) await target.makeDirectory(folder)
  await target.syncDirectory('.')
  for (const { path, stored, bytes, crc32 } of manifest.files) {
    const copied = await told(stored, copyFile({ disk: backup, path: stored }, { disk: target, path }, bytes, pace))
    if (copied.crc32 !== crc32)
      throw new LogError('damaged', `${stored}: the file fails its checksum; take another point`)
  }
  await leaveGap(target, { clock, random: options.random, pointMs: point.createdMs, pointCommit: commit })
  return point
}

/** What `read` says, with the path where the drive refuses it. */
async function told<T>(path: string, read: Promise<T>): Promise<T> {
  try {
    return await read
  } catch (error) {
    if (!isRefusedRead(error)) throw error
    throw new LogError('damaged', `${path}: the drive refuses to read it (EIO); take another point`, { cause: error })
  }
}
