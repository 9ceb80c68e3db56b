/**
 * Makes a directory and the parents it lacks, one at a time. Node's own `recursive` never ends where a parent is there
 * and still cannot hold a directory (`/proc/x`): it takes that for a missing parent, over and over, on a thread of the
 * pool.
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Records are nobody's business but the service's. */
const DIRECTORY_MODE = 0o700

/** The directories that were made, outermost first; none if it was there. Rejects with Node's `code` and a sentence. */
export async function makeDirectories(path: string): Promise<readonly string[]> {
  const code = await makeOne(path)
  if (code === undefined) return [path]
  if (await isDirectory(path)) return []
  const parent = dirname(path)
  if (code !== 'ENOENT' || parent === path) throw failure(path, code)
  // If it is there by now somebody else may just have made it: one more try tells.
  const made = await makeDirectories(parent)
  const again = await makeOne(path)
  if (again === undefined) return [...made, path]
  if (await isDirectory(path)) return made
  throw failure(path, again)
}

/** The error's code; `undefined` if it was made. */
async function makeOne(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE })
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO'
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EEXIST: 'a file of that name is there',
  ENOENT: 'the file system there takes no directories',
  ENOSPC: 'no space is left',
  ENOTDIR: 'a part of the path is a file',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
}

function failure(path: string, code: string): Error {
  const reason = REASONS[code] ?? 'the system refuses'
  return Object.assign(new Error(`No directory can be made at ${path}: ${reason} (${code}).`), {
    code,
    syscall: 'mkdir',
    path,
  })
}
