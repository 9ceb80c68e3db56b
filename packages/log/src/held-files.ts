/**
 * What of a log's files has to be copied to have the log of this moment: segments up to their last commit, their
 * indexes, and the kept snapshots. Spares, the segment prepared next and files that are on their way out are not.
 */
import type { Disk } from './disk.ts'
import { indexPath, type Segment } from './segment.ts'
import { snapshotPath } from './snapshots.ts'

/** Bytes [0, `bytes`) of a file of the log. */
export interface HeldFile {
  readonly path: string
  readonly bytes: number
  /**
   * Names these very bytes for ever, in letters, digits, `-` and `.`: two files of one key are the same. `undefined`:
   * the segment that is written to, which will have more, and one that the drive does not let be read whole.
   */
  readonly key: string | undefined
}

/** A log at one moment. */
export interface HeldLog {
  /** In hexadecimal digits. */
  readonly logId: string
  /** The last commit that stands in the files. All before it are there too, and were durable. */
  readonly commit: number
  readonly files: readonly HeldFile[]
  /** What metadata is lost, or may be, for people. Default: none. */
  readonly metadataLoss?: string | undefined
}

export interface HoldableLog {
  readonly disk: Disk
  readonly logId: Uint8Array
  readonly commit: number
  readonly segments: readonly Segment[]
  /** The one that is written to. */
  readonly active: Segment | undefined
  readonly snapshotCommits: readonly number[]
  readonly metadataLoss: string | undefined
}

/** Lists them at once, as of now, and asks the disk for sizes afterwards: nothing listed may change meanwhile. */
export async function holdFiles(log: HoldableLog): Promise<HeldLog> {
  const { disk, commit, active, snapshotCommits, metadataLoss } = log
  const files: HeldFile[] = []
  const unsized: Omit<HeldFile, 'bytes'>[] = []
  for (const segment of log.segments) {
    const name = segment.path.slice('log/'.length, -'.seg'.length)
    // A restored log ends a segment where the log of before went on with it. What is damaged here need not be in another copy.
    const isSound = segment.damages.length === 0
    const key = `${name}-${segment.start.salt.toString(16).padStart(16, '0')}-${segment.lastCommit}`
    if (segment !== active && segment.file !== undefined)
      unsized.push({ path: indexPath(segment.number), key: isSound ? `${key}.idx` : undefined })
    // Of one that the drive refuses to read nobody knows where it ends.
    if (segment !== active && segment.isRefused) unsized.push({ path: segment.path, key: undefined })
    else
      files.push({
        path: segment.path,
        bytes: segment.usedBytes,
        key: segment !== active && isSound ? `${key}.seg` : undefined,
      })
  }
  const logId = Buffer.from(log.logId).toString('hex')
  for (const at of snapshotCommits) unsized.push({ path: snapshotPath(at), key: `${logId}-${at}.snap` })
  for (const { path, key } of unsized) {
    const file = await disk.open(path)
    try {
      files.push({ path, bytes: await file.size(), key })
    } finally {
      await file.close()
    }
  }
  return { logId, commit, files, metadataLoss }
}
