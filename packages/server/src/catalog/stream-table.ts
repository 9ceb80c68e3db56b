/**
 * The streams of all accounts and regions, put together from the documents they are kept in: what the catalog looks
 * things up in. What did not change keeps its identity.
 */
import { assert } from '@millrace/std'

import { type Channel, noChannels } from '../streams/channel.ts'
import { type Consumer, noConsumers } from '../streams/consumer.ts'
import type { DataKey } from '../streams/encryption.ts'
import type { Shard } from '../streams/shard.ts'
import type { ShardPages, Stream, StreamKey } from '../streams/stream.ts'
import type { StreamRoot } from './documents.ts'
import { FAMILIES, type Family } from './keys.ts'
import { NOTHING, shareOf, type Totals, withShare } from './totals.ts'

export type Item = Consumer | Channel

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
  /** What it adds to the totals of its world. */
  share: Totals
}

/** The streams of one account and region. */
interface World {
  readonly entries: Map<string, Entry>
  /** Names of the streams that are there, in code-point order. */
  readonly names: string[]
  /** The entries of streams with channels: an account may have few of those. */
  readonly withChannels: Set<Entry>
  totals: Totals
}

export class StreamTable {
  /** By account and region: two lookups of names that are looked up all the time, and no text is put together. */
  readonly #worlds = new Map<string, Map<string, World>>()

  find(key: StreamKey): Stream | undefined {
    const entry = this.#worlds.get(key.account)?.get(key.region)?.entries.get(key.name)
    return entry === undefined ? undefined : streamOf(entry)
  }

  /** At most `max` streams of one account and region whose names come after `after`, by name in code-point order. */
  list(account: string, region: string, after: string, max: number): readonly Stream[] {
    const world = this.#worlds.get(account)?.get(region)
    if (world === undefined) return []
    const start = firstAfter(world.names, after)
    return world.names.slice(start, start + max).map((name) => presentStream(world, name))
  }

  /** Those of them with channels, in no order. */
  withChannels(account: string, region: string): readonly Stream[] {
    const world = this.#worlds.get(account)?.get(region)
    if (world === undefined) return []
    return Array.from(world.withChannels, ({ key }) => presentStream(world, key.name))
  }

  totals(account: string, region: string): Totals {
    return this.#worlds.get(account)?.get(region)?.totals ?? NOTHING
  }

  *all(): Generator<Stream, void> {
    for (const regions of this.#worlds.values()) for (const world of regions.values()) yield* streamsOf(world)
  }

  setRoot(key: StreamKey, root: StreamRoot | undefined): void {
    this.#change(key, (entry) => void (entry.root = root))
  }

  setDataKeys(key: StreamKey, dataKeys: readonly DataKey[] | undefined): void {
    this.#change(key, (entry) => void (entry.dataKeys = dataKeys))
  }

  setPage(key: StreamKey, page: number, shards: readonly Shard[] | undefined): void {
    this.#change(key, (entry) => {
      if (shards === undefined) entry.pages.delete(page)
      else entry.pages.set(page, shards)
      entry.sortedPages = undefined
    })
  }

  setItem(key: StreamKey, family: Family, name: string, item: Item | undefined): void {
    this.#change(key, (entry) => {
      if (item === undefined) entry.items[family].delete(name)
      else entry.items[family].set(name, item)
      delete entry.sortedItems[family]
    })
  }

  #change(key: StreamKey, change: (entry: Entry) => void): void {
    const regions = this.#worlds.get(key.account) ?? new Map<string, World>()
    const world = regions.get(key.region) ?? newWorld()
    const entry = world.entries.get(key.name) ?? {
      key,
      root: undefined,
      pages: new Map(),
      items: { consumers: new Map(), channels: new Map() },
      dataKeys: undefined,
      stream: undefined,
      sortedPages: undefined,
      sortedItems: {},
      share: NOTHING,
    }
    const wasThere = entry.root !== undefined
    change(entry)
    entry.stream = undefined
    if (wasThere !== (entry.root !== undefined)) setName(world.names, key.name, !wasThere)
    count(world, entry)
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
}

function newWorld(): World {
  return { entries: new Map(), names: [], withChannels: new Set(), totals: NOTHING }
}

/** Where the first name after `name` stands, or would. */
function firstAfter(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((names[middle] ?? '') > name) high = middle
    else low = middle + 1
  }
  return low
}

/** Puts in a name that is not there, or takes out one that is. */
function setName(names: string[], name: string, isThere: boolean): void {
  const end = firstAfter(names, name)
  if (isThere) names.splice(end, 0, name)
  else names.splice(end - 1, 1)
}

function count(world: World, entry: Entry): void {
  const { root, items, share } = entry
  entry.share = root === undefined ? NOTHING : shareOf(root, items.consumers.values(), items.channels.size)
  world.totals = withShare(world.totals, share, entry.share)
  if (entry.share.channels > 0) world.withChannels.add(entry)
  else world.withChannels.delete(entry)
}

function presentStream(world: World, name: string): Stream {
  const entry = world.entries.get(name)
  const stream = entry === undefined ? undefined : streamOf(entry)
  assert(stream !== undefined, 'a stream that is named is there')
  return stream
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
