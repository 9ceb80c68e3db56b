/** What holds for the changes of a `cas` in every engine. */
import { assert } from '@millrace/std'
import { META_VALUE_BYTES_MAX, type MetaChange, type MetaEntry } from './engine.ts'

/** Keys are paths of names and numbers. */
const KEY_BYTES_MAX = 1024
/** All of a call goes into one commit. The pages of 20,000 shards are about 3 MiB. */
const CAS_BYTES_MAX = 8 * 1024 * 1024
const CAS_CHANGES_MAX = 0xffff

/** Checks what a caller of `cas` must keep to: a breach is a mistake in our own code. */
export function assertChanges(changes: readonly MetaChange[]): void {
  assert(changes.length > 0, 'a cas changes at least one key')
  assert(changes.length <= CAS_CHANGES_MAX, `a cas changes at most ${CAS_CHANGES_MAX} keys`)
  assert(new Set(changes.map(({ key }) => key)).size === changes.length, 'a cas names each key once')
  let sum = 0
  for (const { key, value } of changes) {
    const keyBytes = Buffer.byteLength(key)
    const bytes = value?.length ?? 0
    assert(keyBytes <= KEY_BYTES_MAX, `a key has ${keyBytes} bytes; it may have at most ${KEY_BYTES_MAX}`)
    assert(
      bytes <= META_VALUE_BYTES_MAX,
      `the value of ${key} has ${bytes} bytes; a document has at most ${META_VALUE_BYTES_MAX}`,
    )
    sum += keyBytes + bytes
  }
  assert(sum <= CAS_BYTES_MAX, `a cas has ${sum} bytes of keys and values; it may have at most ${CAS_BYTES_MAX}`)
}

/** The first key that does not have the revision its change expects, if any. */
export function refusedKey(
  changes: readonly MetaChange[],
  entries: ReadonlyMap<string, MetaEntry>,
): string | undefined {
  return changes.find(({ key, expect }) => (entries.get(key)?.revision ?? 0) !== expect)?.key
}
