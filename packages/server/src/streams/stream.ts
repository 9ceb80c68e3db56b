/**
 * A stream as the service knows it: settings, shards, and the change it is in, if any. Plain data, kept in metadata
 * (catalog/); every change is a function from one value to the next.
 *
 * Invariant: outside a change that is being committed, the open shards partition the key space, and a shard's birth
 * is strictly later than its parents'.
 */
import type { RecordDistributionStrategy } from '@millrace/protocol'

import type { ShardRef } from '../engine/engine.ts'
import type { Channels } from './channel.ts'
import type { Consumers } from './consumer.ts'
import type { DataKey } from './encryption.ts'
import type { HashKeyRange, Shard } from './shard.ts'

export type StreamStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING'

/** Account and region are part of a stream's name everywhere: each pair is a world of its own. */
export interface StreamKey {
  readonly account: string
  readonly region: string
  readonly name: string
}

/** A shard that will exist when the change commits. */
export interface PlannedShard {
  readonly number: number
  readonly ref: ShardRef
  readonly range: HashKeyRange
  /** Left out: all the parents of the change. */
  readonly parents?: readonly number[]
}

/** Many splits and merges that follow from each other: a change of one round after the other (scale.ts). */
export interface ShardScaling {
  readonly target: number
  /** The number of the first shard that it makes, and its ref; the others follow. */
  readonly firstShard: number
  readonly firstRef: ShardRef
  /** How many shards it makes, those that it closes again included. */
  readonly shards: number
}

/** A change that has been begun, durably, and that whoever comes next can finish. `sinceMs`: wall clock, ms. */
export type StreamChange =
  | {
      readonly kind: 'create'
      readonly sinceMs: number
      readonly shards: number
      readonly firstRef: ShardRef
      readonly birthS: number
    }
  | {
      readonly kind: 'reshard'
      readonly sinceMs: number
      readonly parents: readonly number[]
      readonly children: readonly PlannedShard[]
      /** Present: this is one round of many. */
      readonly scaling?: ShardScaling
    }
  | {
      readonly kind: 'encryption'
      readonly sinceMs: number
      /** Absent: it ends. */
      readonly begins?: { readonly keyId: string; readonly dataKey: DataKey }
    }
  | {
      readonly kind: 'delete'
      readonly sinceMs: number
      /** Refs that an interrupted creation or reshard had set aside: dropped with the shards. */
      readonly planned?: { readonly firstRef: ShardRef; readonly count: number }
      readonly lastBirthS: number
    }

/** Metrics that enhanced monitoring reports of each shard, in the order in which the service names them. */
export const SHARD_LEVEL_METRICS = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
] as const

export type ShardLevelMetric = (typeof SHARD_LEVEL_METRICS)[number]

/** What a stream in ON_DEMAND mode has been asked for, and what its traffic was (on-demand.ts). */
export interface OnDemand {
  /** WarmThroughputMiBps: what it is to be ready for whatever its traffic is. 0: nothing. */
  readonly warmMiBps: number
  readonly distribution: RecordDistributionStrategy
  /** By ascending day; days long past are left out. */
  readonly peaks: readonly DayPeak[]
}

/** The most shards that the traffic of a day asked for, where it was more than every on-demand stream has. */
export interface DayPeak {
  /** Days since the epoch, in UTC. */
  readonly day: number
  readonly shards: number
}

export interface Stream extends StreamKey {
  readonly status: StreamStatus
  /** StreamCreationTimestamp, ms since the epoch. */
  readonly createdMs: number
  /** The birth of its first shards: tells it from every other stream of the name. May lead the clock. */
  readonly bornS: number
  readonly retentionHours: number
  /** What was trimmed before a longer retention began stays gone: records with a time before this. Ms since the epoch. */
  readonly trimFloorMs: number
  readonly maxRecordKiB: number
  readonly tags: Readonly<Record<string, string>>
  /** What is reported of each shard, in the order of SHARD_LEVEL_METRICS. */
  readonly shardLevelMetrics: readonly ShardLevelMetric[]
  /** The resource policy, as it was put. */
  readonly policy?: string
  /** When UpdateShardCount changed it, in the last day before the latest time. Ms since the epoch. */
  readonly scaledAtMs?: readonly number[]
  /** Present: its mode is ON_DEMAND. Absent: PROVISIONED, which was the only one once. */
  readonly onDemand?: OnDemand
  /** When UpdateStreamMode changed its mode, in the last day before the latest time. Ms since the epoch. */
  readonly modeChangedAtMs?: readonly number[]
  /** No consumer of now has a creation second up to this: those of consumers that are gone. */
  readonly lastConsumerS?: number
  /** The KMS key as StartStreamEncryption named it. Absent: what is written is stored in the clear. */
  readonly keyId?: string
  /** By ascending id, never empty. Absent: no record was ever encrypted. */
  readonly dataKeys?: readonly DataKey[]
  /** When encryption was begun or begun anew, and when it was ended, as `scaledAtMs`. */
  readonly encryptedAtMs?: readonly number[]
  readonly decryptedAtMs?: readonly number[]
  /** The number the next shard gets. */
  readonly nextShard: number
  /** Open shards, counting those that `change` is about to create for a new stream. */
  readonly openShards: number
  readonly change?: StreamChange
  /** Shards by `pageOf` their number, pages and shards ascending. A page that did not change keeps its identity. */
  readonly pages: ShardPages
  /** Registered consumers. One that did not change keeps its identity. */
  readonly consumers: Consumers
  /** Likewise. */
  readonly channels: Channels
}

export type ShardPages = ReadonlyMap<number, readonly Shard[]>

/** A page of shards is one document of metadata, and stays far below META_VALUE_BYTES_MAX. */
export const SHARDS_PER_PAGE = 64

export function pageOf(shardNumber: number): number {
  return Math.floor(shardNumber / SHARDS_PER_PAGE)
}

export function findShard(stream: Pick<Stream, 'pages'>, number: number): Shard | undefined {
  return stream.pages.get(pageOf(number))?.find((shard) => shard.number === number)
}

/** All shards still kept, closed ones included, by ascending number. */
export function* shardsOf(stream: { readonly pages: ShardPages }): Generator<Shard, void> {
  for (const page of stream.pages.values()) yield* page
}

/** True while records can be put and read: AWS hides the data plane of a stream that is being created or deleted. */
export function isServing(stream: Stream): boolean {
  return stream.status === 'ACTIVE' || stream.status === 'UPDATING'
}

/** True when a stream's records go where the service likes, whatever their keys are: RecordDistributionStrategy AUTO. */
export function placesByItself({ onDemand }: Pick<Stream, 'onDemand'>): boolean {
  return onDemand?.distribution === 'AUTO'
}

/** Open shards, by ascending number. */
export function* openShardsOf(stream: { readonly pages: ShardPages }): Generator<Shard, void> {
  for (const shard of shardsOf(stream)) if (shard.closed === undefined) yield shard
}

const families = new WeakMap<ShardPages, ReadonlyMap<number, readonly Shard[]>>()

/**
 * The shards that carry on a closed shard's key range. All families of a set of shards are found with the first that is
 * asked for: after a scaling each of thousands of shards has readers that come to its end.
 */
export function childrenOf({ pages }: Pick<Stream, 'pages'>, number: number): readonly Shard[] {
  let known = families.get(pages)
  if (known === undefined) families.set(pages, (known = familiesOf(pages)))
  return known.get(number) ?? []
}

function familiesOf(pages: ShardPages): ReadonlyMap<number, readonly Shard[]> {
  const byParent = new Map<number, Shard[]>()
  for (const shard of shardsOf({ pages })) {
    for (const parent of shard.parents) {
      const children = byParent.get(parent)
      if (children === undefined) byParent.set(parent, [shard])
      else children.push(shard)
    }
  }
  return byParent
}

/** Shards, ascending, as pages. */
export function paginate(shards: readonly Shard[]): ShardPages {
  const pages = new Map<number, Shard[]>()
  for (const shard of shards) {
    const page = pages.get(pageOf(shard.number))
    if (page === undefined) pages.set(pageOf(shard.number), [shard])
    else page.push(shard)
  }
  return pages
}

/** Pages with `changed` shards put in (by number) and `removed` taken out. Empty pages go. */
export function replaceShards(
  pages: ShardPages,
  changed: readonly Shard[],
  removed: readonly number[] = [],
): ShardPages {
  const result = new Map(pages)
  for (const shard of changed) {
    const page = result.get(pageOf(shard.number)) ?? []
    const others = page.filter((other) => other.number !== shard.number)
    result.set(
      pageOf(shard.number),
      [...others, shard].sort((a, b) => a.number - b.number),
    )
  }
  for (const number of removed) {
    const rest = (result.get(pageOf(number)) ?? []).filter((shard) => shard.number !== number)
    if (rest.length > 0) result.set(pageOf(number), rest)
    else result.delete(pageOf(number))
  }
  return new Map([...result].sort(([a], [b]) => a - b))
}
