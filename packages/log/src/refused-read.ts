/**
 * Reads that the drive refuses: what stands in such blocks is lost, or comes back when the drive does. All else of the
 * file is read around them.
 */
import type { DiskFile } from './disk.ts'
import { PAGE_BYTES } from './limits.ts'

/** Whether a read failed because the drive cannot read that block: what stands there is lost. Other errors may pass. */
export function isRefusedRead(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'EIO'
}

/**
 * After the read of `into` from `offset` was refused with `error`: once more, page by page. Pages that are refused again
 * read as zeros, which no checksum takes for anything, and their offsets are added to `refused`; those that are in there
 * are not asked for again, since a drive may take seconds for each. Answers as `DiskFile.read` does. Throws any other error.
 */
export async function readAround(
  error: unknown,
  file: DiskFile,
  into: Uint8Array,
  offset: number,
  refused = new Set<number>(),
): Promise<number> {
  if (!isRefusedRead(error)) throw error
  for (let done = 0; done < into.length;) {
    const page = offset + done - ((offset + done) % PAGE_BYTES)
    const piece = into.subarray(done, page + PAGE_BYTES - offset)
    const read = refused.has(page) ? undefined : await readPiece(file, piece, offset + done)
    if (read === undefined) {
      refused.add(page)
      piece.fill(0)
    }
    done += read ?? piece.length
    if (read !== undefined && read < piece.length) return done
  }
  return into.length
}

/** `undefined`: refused. */
async function readPiece(file: DiskFile, piece: Uint8Array, offset: number): Promise<number | undefined> {
  try {
    return await file.read(piece, offset)
  } catch (error) {
    if (isRefusedRead(error)) return undefined
    throw error
  }
}
