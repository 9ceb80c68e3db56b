/**
 * Metadata as the log's state machine: a map that only durable changes reach. A `cas` is written with what it
 * expects, and whether it takes effect is decided when its commit is applied, by its place in the log: so what is in
 * flight, unknown or being replayed needs no rule of its own (docs/decisions/026-metadata-changes.md).
 *
 * A revision is the number of the commit that made the change: it grows for ever, across restarts.
 */
import type { Log, Metadata } from '@millrace/log'
import {
  type CasOptions,
  type CasResult,
  EngineError,
  type MetaChange,
  type MetaEntry,
  type MetaStore,
  type MetaWatchEvent,
} from '../engine.ts'
import { assertChanges, refusedKey } from '../meta-changes.ts'
import { fromLog } from './log-failure.ts'
import { decodeChange, decodeSnapshot, encodeChange, encodeSnapshot } from './metadata-format.ts'

/**
 * Refusals whose caller has not collected them. A caller collects at once; only those that gave up at their deadline
 * leave theirs behind, and the oldest of these may go.
 */
const REFUSALS_MAX = 1024

export class EmbeddedMetaStore implements MetaStore, Metadata {
  #log: Log | undefined
  #entries = new Map<string, MetaEntry>()
  readonly #refusals = new Map<number, string>()
  readonly #watchers = new Set<{ readonly prefix: string; listener(events: readonly MetaWatchEvent[]): void }>()

  /** Gives it the log to write to, once that is open. */
  attach(log: Log): void {
    this.#log = log
  }

  /** Answers nothing more. */
  detach(): void {
    this.#log = undefined
  }

  async get(key: string): Promise<MetaEntry | undefined> {
    this.#openLog()
    return this.#entries.get(key)
  }

  async list(prefix: string): Promise<readonly MetaEntry[]> {
    this.#openLog()
    return [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  async cas(changes: readonly MetaChange[], options: CasOptions): Promise<CasResult> {
    assertChanges(changes)
    const log = this.#openLog()
    // What is refused by the durable state need not be written: nothing in flight can make a past revision current.
    const early = refusedKey(changes, this.#entries)
    if (early !== undefined) return { ok: false, key: early }
    const commit = await fromLog(() => log.appendMetadata(encodeChange(changes), options))
    const key = this.#refusals.get(commit)
    if (key === undefined) return { ok: true, revision: commit }
    this.#refusals.delete(commit)
    return { ok: false, key }
  }

  watch(prefix: string, listener: (entries: readonly MetaWatchEvent[]) => void): Disposable {
    const watcher = { prefix, listener }
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) }
  }

  // ---- the log's side ------------------------------------------------------------------------------------------

  /** Throws EngineError `damaged` for a format it cannot read: the directory is not opened then. */
  restore(snapshot: Uint8Array | undefined): void {
    this.#entries = snapshot === undefined ? new Map() : decodeSnapshot(snapshot)
  }

  apply(commit: number, bytes: Uint8Array): void {
    const changes = decodeChange(bytes)
    const refused = refusedKey(changes, this.#entries)
    if (refused !== undefined) return this.#refuse(commit, refused)
    for (const { key, value } of changes) {
      if (value === undefined) this.#entries.delete(key)
      else this.#entries.set(key, { key, value, revision: commit })
    }
    for (const { prefix, listener } of this.#watchers) {
      const events = changes.filter(({ key }) => key.startsWith(prefix))
      if (events.length > 0) listener(events.map(({ key, value }) => ({ key, value, revision: commit })))
    }
  }

  snapshot(): Uint8Array {
    return encodeSnapshot(this.#entries)
  }

  #refuse(commit: number, key: string): void {
    this.#refusals.set(commit, key)
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > REFUSALS_MAX && oldest !== undefined) this.#refusals.delete(oldest)
  }

  #openLog(): Log {
    if (this.#log === undefined) throw new EngineError('unavailable', 'the engine is closed')
    return this.#log
  }
}
