/**
 * The catalog: all streams, as metadata has them, in memory. Lookups are synchronous; changes are compare-and-set
 * over a stream's root and those of its other documents that changed, and one that loses a race is tried again on what won.
 *
 * Invariants: every write of another document also writes the root, so a stream changes as a whole; what this server wrote, it
 * sees at once; a revision never goes back. What other servers wrote is seen soon: whoever finds the engine ahead of
 * the catalog calls `refresh`.
 */
import type { Clock, Random } from '@millrace/std'

import {
  EngineError,
  type MetaChange,
  type MetaEntry,
  type MetaStore,
  type MetaWatchEvent,
  type ShardRef,
} from '../engine/engine.ts'
import { TOKEN_KEY_BYTES } from '../streams/sealed-token.ts'
import { type Channel, noChannels } from '../streams/channel.ts'
import { type Consumer, noConsumers } from '../streams/consumer.ts'
import type { DataKey } from '../streams/encryption.ts'
import type { Shard } from '../streams/shard.ts'
import type { ShardPages, Stream, StreamKey } from '../streams/stream.ts'
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
  type StreamRoot,
} from './documents.ts'
import {
  CATALOG_PREFIX,
  dataKeysKey,
  FAMILIES,
  type Family,
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
}

/** `firstRef`: the first of as many consecutive refs as the update takes. */
export type StreamMutation = (stream: Stream | undefined, firstRef: ShardRef) => StreamUpdate

type Item = Consumer | Channel

/** One stream, in the documents it is kept in. */
interface Entry {
  readonly key: StreamKey
  root: StreamRoot | undefined
  readonly pages: Map<number, readonly Shard[]>
  readonly items: { readonly [F in Family]: Map<string, Item> }
  dataKeys: readonly DataKey[] | undefined
  /** Made of the others, which keep their identity until one of them changes. */
  stream: Stream | undefined
  sortedPages: ShardPages | undefined
  /** Each as the stream has it. */
  readonly sortedItems: Partial<Record<Family, ReadonlyMap<string, Item>>>
}

/** The streams of one account and region. */
interface World {
  readonly entries: Map<string, Entry>
  /** By name, until one of them changes. */
  sorted: readonly Stream[] | undefined
}

export class Catalog implements Disposable {
  readonly #meta: MetaStore
  readonly #clock: Clock
  /** By account and region: two lookups of names that are looked up all the time, and no text is put together. */
  readonly #worlds = new Map<string, Map<string, World>>()
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
    const entry = this.#worlds.get(key.account)?.get(key.region)?.entries.get(key.name)
    return entry === undefined ? undefined : streamOf(entry)
  }

  /** The streams of one account and region, by name in code-point order. */
  list(account: string, region: string): readonly Stream[] {
    const world = this.#worlds.get(account)?.get(region)
    if (world === undefined) return []
    world.sorted ??= [...streamsOf(world)].sort((a, b) => (a.name < b.name ? -1 : 1))
    return world.sorted
  }

  *all(): Generator<Stream, void> {
    for (const regions of this.#worlds.values()) for (const world of regions.values()) yield* streamsOf(world)
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
      const result = await this.#meta.cas(changes, { deadlineMs })
      if (result.ok) {
        this.#applyAll(changes.map((change) => ({ ...change, revision: result.revision })))
        return this.find(key)
      }
      // Where the watch has told already, there is nothing to ask for.
      const expected = changes.find((change) => change.key === result.key)?.expect
      if ((this.#revisions.get(result.key) ?? 0) === expected) await this.refresh(key)
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
        if (value !== undefined) this.#nextRef = decodeNumber(value)
        return undefined
      case 'token-key':
        if (value !== undefined) this.#tokenKey = value
        return undefined
      case 'last-birth':
        if (value === undefined) this.#lastBirths.delete(streamId(parsed.stream))
        else this.#lastBirths.set(streamId(parsed.stream), decodeNumber(value))
        return undefined
      case 'root':
        this.#changeEntry(parsed.stream, (entry) => {
          entry.root = value === undefined ? undefined : decodeRoot(parsed.stream, value)
        })
        return parsed.stream
      case 'data-keys':
        this.#changeEntry(parsed.stream, (entry) => {
          entry.dataKeys = value === undefined ? undefined : decodeDataKeys(value)
        })
        return parsed.stream
      case 'page':
        this.#changeEntry(parsed.stream, (entry) => {
          if (value === undefined) entry.pages.delete(parsed.page)
          else entry.pages.set(parsed.page, decodePage(value))
          entry.sortedPages = undefined
        })
        return parsed.stream
      case 'item':
        this.#changeEntry(parsed.stream, (entry) => {
          if (value === undefined) entry.items[parsed.family].delete(parsed.item)
          else entry.items[parsed.family].set(parsed.item, decodeDocument<Item>(value))
          delete entry.sortedItems[parsed.family]
        })
        return parsed.stream
    }
  }

  #changeEntry(key: StreamKey, change: (entry: Entry) => void): void {
    const regions = this.#worlds.get(key.account) ?? new Map<string, World>()
    const world = regions.get(key.region) ?? { entries: new Map<string, Entry>(), sorted: undefined }
    const entry = world.entries.get(key.name) ?? {
      key,
      root: undefined,
      pages: new Map(),
      items: { consumers: new Map(), channels: new Map() },
      dataKeys: undefined,
      stream: undefined,
      sortedPages: undefined,
      sortedItems: {},
    }
    change(entry)
    entry.stream = undefined
    world.sorted = undefined
    const isNeeded = entry.root !== undefined || entry.dataKeys !== undefined
    keep(
      world.entries,
      key.name,
      entry,
      isNeeded || entry.pages.size > 0 || FAMILIES.some((family) => entry.items[family].size > 0),
    )
    keep(regions, key.region, world, world.entries.size > 0)
    keep(this.#worlds, key.account, regions, regions.size > 0)
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

function streamOf(entry: Entry): Stream | undefined {
  if (entry.stream !== undefined || entry.root === undefined) return entry.stream
  entry.sortedPages ??= new Map([...entry.pages].sort(([a], [b]) => a - b))
  const consumers = sortedItems(entry, 'consumers', noConsumers)
  const channels = sortedItems(entry, 'channels', noChannels)
  const { root, sortedPages: pages, dataKeys } = entry
  entry.stream = { ...root, pages, consumers, channels, ...(dataKeys === undefined ? {} : { dataKeys }) }
  return entry.stream
}

/** By name; the same as before unless one of them changed. */
function sortedItems<F extends Family>(entry: Entry, family: F, none: Stream[F]): Stream[F] {
  const items = entry.items[family]
  if (items.size === 0) return none
  entry.sortedItems[family] ??= new Map([...items].sort(([a], [b]) => (a < b ? -1 : 1)))
  return entry.sortedItems[family] as Stream[F]
}

function* streamsOf(world: World): Generator<Stream, void> {
  for (const entry of world.entries.values()) {
    const stream = streamOf(entry)
    if (stream !== undefined) yield stream
  }
}

/** Nothing is kept of what is empty. */
function keep<T>(map: Map<string, T>, key: string, value: T, isNeeded: boolean): void {
  if (isNeeded) map.set(key, value)
  else map.delete(key)
}
