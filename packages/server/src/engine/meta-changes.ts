import { assert } from '@millrace/std'
import { META_VALUE_BYTES_MAX, type MetaChange } from './engine.ts'

/** What a caller of `cas` must keep to, whatever the engine: a breach is a mistake in our own code. */
export function assertChanges(changes: readonly MetaChange[]): void {
  assert(changes.length > 0, 'a cas changes at least one key')
  assert(new Set(changes.map(({ key }) => key)).size === changes.length, 'a cas names each key once')
  for (const { key, value } of changes) {
    const bytes = value?.length ?? 0
    assert(
      bytes <= META_VALUE_BYTES_MAX,
      `the value of ${key} has ${bytes} bytes; a document has at most ${META_VALUE_BYTES_MAX}`,
    )
  }
}
