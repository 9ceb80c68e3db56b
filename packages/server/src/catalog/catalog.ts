/**
 * The catalog: all streams, as metadata has them, in memory. Lookups are synchronous; changes are compare-and-set
 * over a stream's root and those of its other documents that changed, and one that loses a race is tried again on what won.
 * Changes of this server take turns at a document (turns.ts), so races are lost to other servers only.
 *
 * Invariants: every write of another document also writes the root, so a stream changes as a whole; what this server wrote, it
 * sees at once; a revision never goes back. What other servers wrote is seen soon: whoever finds the engine ahead of
 * the catalog calls `refresh`.
 */
import type { Clock, Random } from '@millrace/std'

import {
  type CasOptions,
  EngineError,
  type MetaChange,
  type MetaEntry,
  type MetaStore,
  type MetaWatchEvent,
  type ShardRef,
} from '../engine/engine.ts'
import { TOKEN_KEY_BYTES } from '../streams/sealed-token.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import {
  decodeDataKeys,
  decodeDocument,
  decodeNumber,
  decodePage,
  decodeRoot,
  encodeDataKeys,
  encodeDocument,
  encodeNumber,
  encodePage,
  encodeRoot,
} from './documents.ts'
import {
  CATALOG_PREFIX,
  dataKeysKey,
  FAMILIES,
  itemKey,
  lastBirthKey,
  NEXT_REF_KEY,
  pageKey,
  parseKey,
  rootKey,
  streamId,
  streamPrefix,
  TOKEN_KEY_KEY,
} from './keys.ts'
import { type Item, StreamTable } from './stream-table.ts'
import type { Totals } from './totals.ts'
import { Turns } from './turns.ts'

// Ledger 0 of the log is metadata itself.
const FIRST_REF: ShardRef = 1
/** How long opening may take before the engine counts as unavailable. */
const OPEN_DEADLINE_MS = 30_000

interface CatalogOptions {
  readonly meta: MetaStore
  readonly clock: Clock
  readonly random: Random
}

/** What a change makes of a stream. `undefined` as the stream: it is gone. */
export interface StreamUpdate {
  readonly stream: Stream | undefined
  /** Refs it took, counted from `firstRef`. Default: none. */
  readonly refs?: number
  /** For a stream that is gone: where its births ended. */
  readonly lastBirthS?: number
  /** What it has a turn at besides the documents it writes: a name of what it is counted by, with others. Default: nothing. */
  readonly turns?: readonly string[]
}

/** `firstRef`: the first of as many consecutive refs as the update takes. */
export type StreamMutation = (stream: Stream | undefined, firstRef: ShardRef) => StreamUpdate

export class Catalog implements Disposable {
  readonly #meta: MetaStore
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #streams = new StreamTable()
  readonly #lastBirths = new Map<string, number>()
  /** Of every document there is, and of those deleted that an older event might still name. */
  readonly #revisions = new Map<string, number>()
  readonly #deleted = new Map<string, number>()
  readonly #listeners = new Set<(key: StreamKey) => void>()
  #nextRef: ShardRef = FIRST_REF
  #tokenKey: Uint8Array = new Uint8Array()
  #watch: Disposable | undefined
  #loaded = false

  private constructor(options: CatalogOptions) {
    this.#meta = options.meta
    this.#clock = options.clock
    this.#turns = new Turns(options.clock)
  }

  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options)
    catalog.#watch = options.meta.watch(CATALOG_PREFIX, (events) => catalog.#watched(events))
    for (const entry of await options.meta.list(CATALOG_PREFIX)) catalog.#apply(entry)
    catalog.#loaded = true
    await catalog.#openTokenKey(options.random)
    return catalog
  }

  /** What iterators and NextTokens are sealed with: one key for all servers of an engine. */
  get tokenKey(): Uint8Array {
    return this.#tokenKey
  }

  find(key: StreamKey): Stream | undefined {
    return this.#streams.find(key)
  }

  /**
   * Streams of one account and region, by name in code-point order: those whose names come after `after` (default: all),
   * at most `max` (default: any number).
   */
  list(account: string, region: string, after = '', max = Infinity): readonly Stream[] {
    return this.#streams.list(account, region, after, max)
  }

  /** The streams of one account and region that have channels, in no order. */
  withChannels(account: string, region: string): readonly Stream[] {
    return this.#streams.withChannels(account, region)
  }

  /** What there is in one account and region, in all. */
  totals(account: string, region: string): Totals {
    return this.#streams.totals(account, region)
  }

  all(): Iterable<Stream> {
    return this.#streams.all()
  }

  /** Calls `listener` after each change of a stream, by whichever server, once it can be seen whole. It must not throw. */
  onChange(listener: (key: StreamKey) => void): Disposable {
    const entry = (key: StreamKey): void => listener(key)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) }
  }

  /** The last birth in a deleted stream of this name; 0 if none is known. */
  lastBirthS(key: StreamKey): number {
    return this.#lastBirths.get(streamId(key)) ?? 0
  }

  /**
   * Changes one stream. `mutate` is called with the stream as it is, again each time another change came first, and
   * may throw to refuse; giving back what it got changes nothing. Rejects with EngineError when metadata cannot be
   * written before the deadline.
   */
  async change(key: StreamKey, deadlineMs: number, mutate: StreamMutation): Promise<Stream | undefined> {
    for (;;) {
      const before = this.find(key)
      const update = mutate(before, this.#nextRef)
      if (update.stream === before) return before
      if (this.#clock.monotonic() >= deadlineMs)
        throw new EngineError('unavailable', `stream ${key.name} could not be changed before the deadline`)
      const changes = this.#changes(key, before, update)
      const documents = [...changes.map((change) => change.key), ...(update.turns ?? [])]
      const ahead = this.#turns.ahead(documents, deadlineMs)
      if (ahead === undefined) {
        const written = await this.#turns.run(documents, () =>
          this.#write(key, changes, { deadlineMs, ...spaceOf(before, update.stream) }),
        )
        if (written !== undefined) return written.stream
      } else {
        await ahead
      }
    }
  }

  /** Reads a stream's documents anew, for when they are known to have moved on. */
  async refresh(key: StreamKey): Promise<void> {
    const prefix = streamPrefix(key)
    const before = new Map([...this.#revisions].filter(([name]) => name.startsWith(prefix)))
    const found = await this.#meta.list(prefix)
    this.#applyAll(found)
    const present = new Set(found.map((entry) => entry.key))
    for (const [name, revision] of before) {
      // Gone, unless it came back while we were reading.
      if (!present.has(name) && this.#revisions.get(name) === revision)
        this.#apply({ key: name, value: undefined, revision: revision + 1 })
    }
    for (const name of [NEXT_REF_KEY, lastBirthKey(key)]) {
      const entry = await this.#meta.get(name)
      if (entry !== undefined) this.#apply(entry)
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]()
  }

  /** `undefined`: another change came first, and can be seen now. */
  async #write(
    key: StreamKey,
    changes: readonly MetaChange[],
    options: CasOptions,
  ): Promise<{ readonly stream: Stream | undefined } | undefined> {
    const result = await this.#meta.cas(changes, options)
    if (result.ok) {
      this.#applyAll(changes.map((change) => ({ ...change, revision: result.revision })))
      return { stream: this.find(key) }
    }
    // Where the watch has told already, there is nothing to ask for.
    const expected = changes.find((change) => change.key === result.key)?.expect
    if ((this.#revisions.get(result.key) ?? 0) === expected) await this.refresh(key)
    return undefined
  }

  #changes(key: StreamKey, before: Stream | undefined, update: StreamUpdate): readonly MetaChange[] {
    const { stream } = update
    const changes: MetaChange[] = []
    const put = (name: string, value: Uint8Array | undefined): void => {
      changes.push({ key: name, value, expect: this.#revisions.get(name) ?? 0 })
    }
    put(rootKey(key), stream === undefined ? undefined : encodeRoot(stream))
    const pages = new Set([...(before?.pages.keys() ?? []), ...(stream?.pages.keys() ?? [])])
    for (const page of pages) {
      const shards = stream?.pages.get(page)
      if (shards !== before?.pages.get(page))
        put(pageKey(key, page), shards === undefined ? undefined : encodePage(shards))
    }
    for (const family of FAMILIES) {
      for (const name of new Set([...(before?.[family].keys() ?? []), ...(stream?.[family].keys() ?? [])])) {
        const item = stream?.[family].get(name)
        if (item !== before?.[family].get(name))
          put(itemKey(key, family, name), item === undefined ? undefined : encodeDocument(item))
      }
    }
    const dataKeys = stream?.dataKeys
    if (dataKeys !== before?.dataKeys)
      put(dataKeysKey(key), dataKeys === undefined ? undefined : encodeDataKeys(dataKeys))
    if (update.refs !== undefined) put(NEXT_REF_KEY, encodeNumber(this.#nextRef + update.refs))
    if (update.lastBirthS !== undefined) put(lastBirthKey(key), encodeNumber(update.lastBirthS))
    // A stream that exists remembers its births itself. Also where none are known here: another server may have deleted
    // one of the name just now, and this one would be born with it.
    else if (before === undefined) put(lastBirthKey(key), undefined)
    return changes
  }

  #watched(events: readonly MetaWatchEvent[]): void {
    this.#applyAll(events)
    if (!this.#loaded) return
    const last = events.at(-1)?.revision ?? 0
    // Events come in order of revision: nothing older than this can still arrive.
    for (const [name, revision] of this.#deleted) if (revision <= last) this.#deleted.delete(name)
  }

  /** All that changed together, before anybody is told. */
  #applyAll(entries: readonly (MetaWatchEvent | MetaEntry)[]): void {
    const changed = new Map<string, StreamKey>()
    for (const entry of entries) {
      const key = this.#apply(entry)
      if (key !== undefined) changed.set(streamId(key), key)
    }
    for (const key of changed.values()) for (const listener of this.#listeners) listener(key)
  }

  /** Gives back the stream whose documents it changed. */
  #apply({ key: name, value, revision }: MetaWatchEvent | MetaEntry): StreamKey | undefined {
    if (revision <= (this.#revisions.get(name) ?? this.#deleted.get(name) ?? 0)) return undefined
    const parsed = parseKey(name)
    if (parsed === undefined) return undefined
    if (value === undefined) {
      this.#revisions.delete(name)
      this.#deleted.set(name, revision)
    } else {
      this.#revisions.set(name, revision)
      this.#deleted.delete(name)
    }
    switch (parsed.kind) {
      case 'next-ref':
        if (value !== undefined) this.#nextRef = decodeNumber(name, value)
        return undefined
      case 'token-key':
        if (value !== undefined) this.#tokenKey = value
        return undefined
      case 'last-birth':
        if (value === undefined) this.#lastBirths.delete(streamId(parsed.stream))
        else this.#lastBirths.set(streamId(parsed.stream), decodeNumber(name, value))
        return undefined
      case 'root':
        this.#streams.setRoot(parsed.stream, value === undefined ? undefined : decodeRoot(name, parsed.stream, value))
        return parsed.stream
      case 'data-keys':
        this.#streams.setDataKeys(parsed.stream, value === undefined ? undefined : decodeDataKeys(name, value))
        return parsed.stream
      case 'page':
        this.#streams.setPage(parsed.stream, parsed.page, value === undefined ? undefined : decodePage(name, value))
        return parsed.stream
      case 'item': {
        const item = value === undefined ? undefined : decodeDocument<Item>(name, value)
        this.#streams.setItem(parsed.stream, parsed.family, parsed.item, item)
        return parsed.stream
      }
    }
  }

  /** The first server to ask makes the key; the others find it. */
  async #openTokenKey(random: Random): Promise<void> {
    if (this.#tokenKey.length > 0) return
    const value = random.bytes(TOKEN_KEY_BYTES)
    const deadlineMs = this.#clock.monotonic() + OPEN_DEADLINE_MS
    await this.#meta.cas([{ key: TOKEN_KEY_KEY, value, expect: 0 }], { deadlineMs })
    const stored = await this.#meta.get(TOKEN_KEY_KEY)
    if (stored === undefined) throw new EngineError('unavailable', 'the token key could not be stored')
    this.#apply(stored)
  }
}

/** Whether space comes back for a change: of a stream that goes, or whose records are kept for less long. */
function spaceOf(before: Stream | undefined, after: Stream | undefined): Pick<CasOptions, 'freesSpace'> {
  if (after === undefined || after.change?.kind === 'delete') return { freesSpace: 'soon' }
  return before !== undefined && after.retentionHours < before.retentionHours ? { freesSpace: 'later' } : {}
}
