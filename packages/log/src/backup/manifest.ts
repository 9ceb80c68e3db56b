/**
 * The manifest of one point in time: which stored files make up the directory, each with its length and checksum, and a
 * checksum of its own. A point without a whole manifest does not exist.
 */
import type { Disk } from '../disk.ts'
import { crc32 } from '../format/crc32.ts'
import { LogError } from '../log-error.ts'
import { isRefusedRead } from '../refused-read.ts'
import { commitInName, manifestPath, POINTS } from './layout.ts'

export const BACKUP_VERSION = 1

export interface BackedUpFile {
  /** In the data directory. */
  readonly path: string
  /** In the backup. */
  readonly stored: string
  readonly bytes: number
  readonly crc32: number
  /** Offsets of pages that the drive refused to read when it was copied: zeros stand there. Default: none. */
  readonly refused?: readonly number[]
}

export interface Manifest {
  readonly version: number
  /** Ms since the epoch. */
  readonly createdMs: number
  /** In hexadecimal digits. */
  readonly logId: string
  /** Everything up to this commit is in it. */
  readonly commit: number
  readonly files: readonly BackedUpFile[]
  /** Why the log that was saved took no writes any more, for people. Default: it did. */
  readonly metadataLoss?: string | undefined
}

/** A point whose manifest cannot be read: nobody knows which files are its own. */
export interface UnreadablePoint {
  readonly commit: number
  /** One sentence for people, with the path of the manifest. */
  readonly reason: string
  /** A later version of the program wrote it, and reads it. */
  readonly isNewer: boolean
}

export interface Manifests {
  /** By commit, ascending, as are those that cannot be read. */
  readonly manifests: readonly Manifest[]
  readonly unreadable: readonly UnreadablePoint[]
}

/** As it stands in the file. */
interface Sealed extends Manifest {
  readonly crc32: number
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { version, createdMs, logId, commit, files, metadataLoss } = manifest
  const body = { version, createdMs, logId, commit, files, metadataLoss }
  return Buffer.from(`${JSON.stringify({ ...body, crc32: checksumOf(body) }, undefined, 1)}\n`)
}

/** Rejects with LogError `newer-version`, and with `damaged` for one that is not whole. */
export async function readManifest(disk: Disk, commit: number): Promise<Manifest> {
  const path = manifestPath(commit)
  return decodeManifest(await readWhole(disk, path), path, commit)
}

/** Of the bytes of the file `path`, of point `commit`. Throws as `readManifest` rejects. */
export function decodeManifest(bytes: Uint8Array, path: string, commit: number): Manifest {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    throw new LogError('damaged', `${path}: this manifest is not whole; take another point`)
  }
  const {
    version,
    createdMs,
    logId,
    commit: ofCommit,
    files,
    metadataLoss,
    crc32: checksum,
  } = (document ?? {}) as { readonly [member in keyof Sealed]?: unknown }
  if (typeof version === 'number' && version > BACKUP_VERSION) {
    throw new LogError(
      'newer-version',
      `${path}: this backup has format version ${version}, this program knows ${BACKUP_VERSION}; ` +
        'use the version that wrote it, or a later one',
    )
  }
  // What else stands there is not of this version, and nothing checks it.
  const manifest = { version, createdMs, logId, commit: ofCommit, files, metadataLoss }
  if (!isManifest(manifest) || checksum !== checksumOf(manifest) || ofCommit !== commit) {
    throw new LogError('damaged', `${path}: this manifest fails its checksum; take another point`)
  }
  return manifest
}

/** Those of all points. Rejects with what the disk says, but for reads that the drive refuses. */
export async function readManifests(disk: Disk): Promise<Manifests> {
  const manifests: Manifest[] = []
  const unreadable: UnreadablePoint[] = []
  for (const commit of await listPoints(disk)) {
    try {
      manifests.push(await readManifest(disk, commit))
    } catch (error) {
      if (isRefusedRead(error)) {
        const reason = `${manifestPath(commit)}: the drive refuses to read this manifest (EIO)`
        unreadable.push({ commit, reason, isNewer: false })
      } else if (error instanceof LogError) {
        unreadable.push({ commit, reason: error.message, isNewer: error.code === 'newer-version' })
      } else throw error
    }
  }
  return { manifests, unreadable }
}

/** Commits of the points that have a manifest, ascending. */
export async function listPoints(disk: Disk): Promise<readonly number[]> {
  if (!(await disk.exists(POINTS))) return []
  const commits: number[] = []
  for (const name of await disk.list(POINTS)) {
    const commit = commitInName(name)
    if (commit !== undefined && (await disk.exists(manifestPath(commit)))) commits.push(commit)
  }
  return commits
}

/** A checksum is no signature: whoever can write a backup can write a right one. */
function isManifest(value: { readonly [member in keyof Manifest]: unknown }): value is Manifest {
  const { version, createdMs, logId, commit, files, metadataLoss } = value
  const areNumbers = [version, createdMs, commit].every((number) => Number.isSafeInteger(number))
  if (metadataLoss !== undefined && typeof metadataLoss !== 'string') return false
  return areNumbers && typeof logId === 'string' && Array.isArray(files) && files.every(isFile)
}

function isFile(value: unknown): value is BackedUpFile {
  const { path, stored, bytes, crc32: sum, refused = [] } = (value ?? {}) as Partial<BackedUpFile>
  return (
    isInside(path) &&
    isInside(stored) &&
    Array.isArray(refused) &&
    [bytes, sum, ...refused].every((number) => Number.isSafeInteger(number) && Number(number) >= 0)
  )
}

/** Below the directory, under Windows too: nothing is read or restored elsewhere. */
function isInside(path: unknown): path is string {
  if (typeof path !== 'string' || /^[a-z]:|\0/i.test(path)) return false
  return path.split(/[/\\]/).every((name) => !['', '.', '..'].includes(name))
}

function checksumOf({ version, createdMs, logId, commit, files }: Manifest): number {
  return crc32(Buffer.from(JSON.stringify({ version, createdMs, logId, commit, files })))
}

async function readWhole(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path)
  try {
    const bytes = new Uint8Array(await file.size())
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
