import type { MetaStore } from '../engine/engine.ts'

/** An engine's metadata with some calls replaced. It may be an object of a class, which cannot be spread. */
export function metaWith(meta: MetaStore, replaced: Partial<MetaStore>): MetaStore {
  return {
    get: (key) => meta.get(key),
    list: (prefix) => meta.list(prefix),
    cas: (changes, options) => meta.cas(changes, options),
    watch: (prefix, listener) => meta.watch(prefix, listener),
    ...replaced,
  }
}
