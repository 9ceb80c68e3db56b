/**
 * Where the sockets of a directory's lock are, and how long paths and Windows are got around. What a lock is stands in
 * `directory-lock.ts`.
 */
import { createHash } from 'node:crypto'
import { symlink, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Random } from '@millrace/std'

/** macOS: 104 bytes with the closing zero; Linux has 108. */
const SOCKET_PATH_BYTES_MAX = 103
const RANDOM_NAME_BYTES = 8

/** The named pipe that is a directory's lock on Windows, whose paths know no case. */
export function pipeOf(directory: string): string {
  const name = createHash('sha256').update(directory.toLowerCase()).digest('hex').slice(0, 32)
  return String.raw`\\.\pipe\millrace-${name}`
}

export interface ShortPath extends AsyncDisposable {
  readonly path: string
}

/** A way to `directory` that leaves room for a name in a socket's address: itself, or a passing link to it. */
export async function shortPath(directory: string, random: Random): Promise<ShortPath> {
  const longestName = 'new-'.length + RANDOM_NAME_BYTES * 2
  if (Buffer.byteLength(directory) + 1 + longestName <= SOCKET_PATH_BYTES_MAX) {
    return { path: directory, [Symbol.asyncDispose]: async () => {} }
  }
  const path = join(tmpdir(), `millrace-${randomName(random)}`)
  await symlink(directory, path)
  return { path, [Symbol.asyncDispose]: () => unlinkIfThere(path) }
}

export function randomName(random: Random): string {
  return Buffer.from(random.bytes(RANDOM_NAME_BYTES)).toString('hex')
}

/** The number of the socket whose listener owns the directory; 0 if nobody ever did. */
export function highestOf(names: readonly string[]): number {
  return Math.max(0, ...names.map(numberOf))
}

/** 0 if the name is no number of ours. */
export function numberOf(name: string): number {
  return /^[1-9]\d{0,14}$/.test(name) ? Number(name) : 0
}

export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
