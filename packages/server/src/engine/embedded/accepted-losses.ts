/**
 * Losses that somebody has looked at and accepted: readers go on past exactly these, as if nothing had ever stood there.
 * Kept in a file of the data directory, `accepted-losses.json`, since the log itself may be what is damaged:
 *
 *     { "version": 1, "losses": [{ "shard", "fromCommit", "toCommit", "acceptedMs" }], "crc32": of the list's JSON text }
 */
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

import { ConfigError } from '../../config-error.ts'
import { comparePositions, type Position, type ShardRef } from '../engine.ts'

/** What a shard has lost in commits `fromCommit` to `toCommit`, both inclusive. */
export interface AcceptedLoss {
  readonly shard: ShardRef
  readonly fromCommit: number
  readonly toCommit: number
  /** Ms since the epoch. */
  readonly acceptedMs: number
}

export const ACCEPTED_LOSSES_FILE = 'accepted-losses.json'
const VERSION = 1

/** None if there is no file. Rejects with ConfigError for one that is not whole or of a later version. */
export async function readAcceptedLosses(directory: string): Promise<readonly AcceptedLoss[]> {
  const path = join(directory, ACCEPTED_LOSSES_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return parseAcceptedLosses(text, path)
}

/** Of the text of the file `path`. Throws as `readAcceptedLosses` rejects. */
export function parseAcceptedLosses(text: string, path: string): readonly AcceptedLoss[] {
  const wrong = (what: string): ConfigError =>
    new ConfigError(`${path}: ${what}; take it away, and accept again what millrace check finds`)
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw wrong('this file is not JSON')
  }
  const { version, losses, crc32: checksum } = (document ?? {}) as Partial<Record<string, unknown>>
  if (typeof version === 'number' && version > VERSION) {
    throw new ConfigError(
      `${path}: this file has format version ${version}, this program knows ${VERSION}; ` +
        'use the version that wrote it, or a later one',
    )
  }
  if (!Array.isArray(losses) || !losses.every(isLoss) || crc32(JSON.stringify(losses)) !== checksum) {
    throw wrong('this file fails its checksum')
  }
  return losses
}

/** A checksum is no signature: who edits the file by hand can make it right. */
function isLoss(value: unknown): value is AcceptedLoss {
  const { shard, fromCommit, toCommit, acceptedMs } = (value ?? {}) as Partial<AcceptedLoss>
  return [shard, fromCommit, toCommit, acceptedMs].every((number) => Number.isSafeInteger(number))
}

/** Adds to what is accepted, durably. The directory must not be in use. */
export async function acceptLosses(directory: string, more: readonly AcceptedLoss[]): Promise<void> {
  const losses = [...(await readAcceptedLosses(directory)), ...more]
  const document = { version: VERSION, losses, crc32: crc32(JSON.stringify(losses)) }
  const path = join(directory, ACCEPTED_LOSSES_FILE)
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(document, undefined, 1)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  // Windows cannot sync a directory.
  if (process.platform === 'win32') return
  const folder = await open(directory, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Whether all of what a reader of `shard` met was accepted. */
export function isAccepted(
  losses: readonly AcceptedLoss[],
  shard: ShardRef,
  { from, to }: { readonly from: Position; readonly to: Position },
): boolean {
  return losses.some(
    (loss) =>
      loss.shard === shard &&
      from.commit >= loss.fromCommit &&
      comparePositions(to, { commit: loss.toCommit + 1, index: 0 }) <= 0,
  )
}
