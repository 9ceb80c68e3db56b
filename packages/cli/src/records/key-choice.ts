/**
 * Where the partition key of a record comes from: one for all, a member of the JSON value, the record's number, or
 * chance (the default: records then spread evenly over the shards, and have no order between them).
 */
import { PARTITION_KEY_LENGTH_MAX } from '@millrace/protocol'
import type { Random } from '@millrace/std'
import { usageError } from '../exit-code.ts'
import { textOf } from '../output/format-string.ts'
import { compileKeyPath } from '../values/key-path.ts'

export interface KeyOptions {
  readonly key?: string | undefined
  readonly keyPath?: string | undefined
  /** Each record's number in the input. */
  readonly keyLine?: boolean | undefined
}

export type KeyChoice = (data: Uint8Array, number: number) => string

export function chooseKey(options: KeyOptions, random: Random): KeyChoice {
  const { key, keyPath, keyLine } = options
  if ([key !== undefined, keyPath !== undefined, keyLine === true].filter(Boolean).length > 1) {
    throw usageError('--key, --key-path and --key-line exclude one another')
  }
  if (key !== undefined) {
    checkLength(key, '--key')
    return () => key
  }
  if (keyLine === true) return (_, number) => String(number)
  if (keyPath === undefined) return () => Buffer.from(random.bytes(12)).toString('hex')
  const path = compileKeyPath(keyPath)
  return (data, number) => {
    const found = path(parseJson(data, number))
    if (found === undefined) {
      throw usageError(`record ${number} has no text, number or boolean at ${keyPath}`, 'every record needs a key')
    }
    checkLength(found, `record ${number}: the key at ${keyPath}`)
    return found
  }
}

export function parseJson(data: Uint8Array, number: number): unknown {
  const text = textOf(data)
  try {
    if (text !== undefined) return JSON.parse(text) as unknown
  } catch {
    // Said below, without the text: a record may be private.
  }
  throw usageError(`record ${number} is no JSON`, 'keys by path need one JSON document a line, or a JSON array')
}

function checkLength(key: string, what: string): void {
  if (key.length >= 1 && key.length <= PARTITION_KEY_LENGTH_MAX) return
  throw usageError(`${what} has ${key.length} characters; a partition key has 1 to ${PARTITION_KEY_LENGTH_MAX}`)
}
