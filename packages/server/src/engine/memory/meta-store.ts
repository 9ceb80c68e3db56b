/**
 * Metadata in memory: a map from key to value and revision, changed in the same line of commits as records.
 */
import {
  type CasResult,
  type Deadline,
  EngineError,
  type MetaChange,
  type MetaEntry,
  type MetaStore,
  type MetaWatchEvent,
} from '../engine.ts'
import { assertChanges, refusedKey } from '../meta-changes.ts'
import { type CommitQueue, writeAlone } from './commit-queue.ts'

export class MemoryMetaStore implements MetaStore {
  readonly #queue: CommitQueue
  readonly #entries = new Map<string, MetaEntry>()
  readonly #watchers = new Set<{ readonly prefix: string; listener(events: readonly MetaWatchEvent[]): void }>()
  #revision = 0

  constructor(queue: CommitQueue) {
    this.#queue = queue
  }

  async get(key: string): Promise<MetaEntry | undefined> {
    this.#checkOpen()
    return this.#entries.get(key)
  }

  async list(prefix: string): Promise<readonly MetaEntry[]> {
    this.#checkOpen()
    return [...this.#entries.values()]
      .filter((entry) => entry.key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  async cas(changes: readonly MetaChange[], options: Deadline): Promise<CasResult> {
    assertChanges(changes)
    // Values belong to the caller again once this returns its promise.
    const copies = changes.map((change) => ({ ...change, value: change.value?.slice() }))
    return writeAlone(this.#queue, options, () => this.#apply(copies))
  }

  watch(prefix: string, listener: (entries: readonly MetaWatchEvent[]) => void): Disposable {
    const watcher = { prefix, listener }
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) }
  }

  #apply(changes: readonly MetaChange[]): CasResult {
    const refused = refusedKey(changes, this.#entries)
    if (refused !== undefined) return { ok: false, key: refused }
    const revision = ++this.#revision
    for (const { key, value } of changes) {
      if (value === undefined) this.#entries.delete(key)
      else this.#entries.set(key, { key, value, revision })
    }
    for (const { prefix, listener } of this.#watchers) {
      const events = changes
        .filter(({ key }) => key.startsWith(prefix))
        .map(({ key, value }) => ({ key, value, revision }))
      if (events.length > 0) listener(events)
    }
    return { ok: true, revision }
  }

  #checkOpen(): void {
    if (this.#queue.closed) throw new EngineError('unavailable', 'the engine is closed')
  }
}
