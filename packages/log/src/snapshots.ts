/**
 * Snapshot files: the newest whole one is where opening starts from. Written beside, synced, renamed, the directory
 * synced; two are kept, so that one may rot. A segment may go only when both kept ones cover it.
 */
import type { Disk } from './disk.ts'
import {
  decodeSnapshot,
  encodeSnapshot,
  type Snapshot,
  SNAPSHOT_VERSION,
  type SnapshotSource,
} from './format/snapshot-format.ts'
import { SNAPSHOTS_KEPT } from './limits.ts'
import { LogError } from './log-error.ts'
import { readAround } from './refused-read.ts'
import { numberInName } from './segment.ts'

const DIRECTORY = 'meta'
const TEMPORARY = `${DIRECTORY}/snapshot.tmp`
/** Commits stay below 2^47. */
const COMMIT_DIGITS = 15

export function snapshotPath(commit: number): string {
  return `${DIRECTORY}/${String(commit).padStart(COMMIT_DIGITS, '0')}.snap`
}

export interface LoadedSnapshots {
  /** Whole ones, newest first. */
  readonly commits: readonly number[]
  readonly newest: Snapshot | undefined
  /** What the file of the newest takes; 0 where there is none. */
  readonly newestBytes: number
  /** Files that are there and cannot be used, and why. */
  readonly damaged: readonly { readonly path: string; readonly reason: string }[]
}

/** Reads what snapshots there are. Rejects with `newer-version` if one is of a later format. */
export async function loadSnapshots(disk: Disk): Promise<LoadedSnapshots> {
  const commits: number[] = []
  const damaged: LoadedSnapshots['damaged'][number][] = []
  let newest: Snapshot | undefined
  let newestBytes = 0
  const names = (await disk.exists(DIRECTORY)) ? await disk.list(DIRECTORY) : []
  for (const name of [...names].reverse()) {
    const commit = numberInName(name, '.snap')
    if (commit === undefined) continue
    const path = `${DIRECTORY}/${name}`
    const { bytes, isRefused } = await readWhole(disk, path)
    const decoded = decodeSnapshot(bytes)
    if (decoded.kind === 'newer') {
      throw new LogError(
        'newer-version',
        `${path}: this snapshot has format version ${decoded.version}, this program knows ${SNAPSHOT_VERSION}; ` +
          'use the version that wrote it, or a later one',
      )
    }
    if (decoded.kind === 'invalid' || decoded.snapshot.commit !== commit) {
      const reason = isRefused ? 'the drive refuses to read the snapshot (EIO)' : 'the snapshot fails its checksum'
      damaged.push({ path, reason })
      continue
    }
    if (newest === undefined) {
      newest = decoded.snapshot
      newestBytes = bytes.length
    }
    commits.push(commit)
  }
  return { commits, newest, newestBytes, damaged }
}

export class Snapshots {
  readonly #disk: Disk
  /** Whole ones, newest first. */
  #commits: readonly number[]
  #newestBytes: number

  constructor(disk: Disk, commits: readonly number[], newestBytes: number) {
    this.#disk = disk
    this.#commits = commits
    this.#newestBytes = newestBytes
  }

  /** What those that are kept take, and the next one beside them, while it is written. */
  get bytes(): number {
    return (SNAPSHOTS_KEPT + 1) * this.#newestBytes
  }

  /** Segments that end here or before may go: every kept snapshot covers them. 0 until there are enough. */
  get coveredCommit(): number {
    return this.#commits.length < SNAPSHOTS_KEPT ? 0 : (this.#commits[SNAPSHOTS_KEPT - 1] ?? 0)
  }

  /** Commits of the kept ones, newest first. */
  get commits(): readonly number[] {
    return this.#commits
  }

  get newestCommit(): number {
    return this.#commits[0] ?? 0
  }

  /** Encodes at once, makes what it holds durable in the log by `sync`, then writes. */
  async write(source: SnapshotSource, sync: () => Promise<void>): Promise<void> {
    if (source.commit <= this.newestCommit) return
    const bytes = encodeSnapshot(source)
    await sync()
    const disk = this.#disk
    await this.#removeTemporary()
    const file = await disk.create(TEMPORARY)
    try {
      await file.write(bytes, 0)
      await file.sync()
    } catch (error) {
      // What was written of it takes the last blocks of a full disk. Should it stay, the next one removes it.
      await this.#removeTemporary().catch(() => undefined)
      throw error
    } finally {
      await file.close()
    }
    await disk.rename(TEMPORARY, snapshotPath(source.commit))
    await disk.syncDirectory(DIRECTORY)
    const commits = [source.commit, ...this.#commits]
    this.#commits = commits.slice(0, SNAPSHOTS_KEPT)
    this.#newestBytes = bytes.length
    for (const name of await disk.list(DIRECTORY)) {
      const commit = numberInName(name, '.snap')
      if (commit !== undefined && !this.#commits.includes(commit)) await disk.remove(`${DIRECTORY}/${name}`)
    }
  }

  async #removeTemporary(): Promise<void> {
    if (await this.#disk.exists(TEMPORARY)) await this.#disk.remove(TEMPORARY)
  }
}

async function readWhole(
  disk: Disk,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly isRefused: boolean }> {
  const file = await disk.open(path)
  try {
    const bytes = new Uint8Array(await file.size())
    const refused = new Set<number>()
    const read = await file.read(bytes, 0).catch((error: unknown) => readAround(error, file, bytes, 0, refused))
    return { bytes: bytes.subarray(0, read), isRefused: refused.size > 0 }
  } finally {
    await file.close()
  }
}
