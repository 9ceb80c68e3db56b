/**
 * How a stream begins: its settings first, with everything its shards need decided; then its pages of shards, which
 * follow from that alone, so that whoever finds a half-made stream makes the same ones; then it is active.
 */
import type { ShardRef } from '../engine/engine.ts'
import { noChannels } from './channel.ts'
import { noConsumers } from './consumer.ts'
import { divideKeySpace } from './key-range.ts'
import type { Shard } from './shard.ts'
import { type OnDemand, paginate, type ShardPages, type Stream, type StreamKey } from './stream.ts'

export interface NewStream {
  readonly key: StreamKey
  readonly shards: number
  /** The first of `shards` consecutive refs. */
  readonly firstRef: ShardRef
  readonly nowMs: number
  /** The last birth in an earlier stream of this name; 0 if there was none. */
  readonly lastBirthS: number
  readonly maxRecordKiB: number
  readonly tags: Readonly<Record<string, string>>
  /** Present: in ON_DEMAND mode. */
  readonly onDemand?: OnDemand
}

// AWS: a new stream keeps its records for a day.
const RETENTION_HOURS_DEFAULT = 24

export function beginStream(options: NewStream): Stream {
  const birthS = Math.max(Math.floor(options.nowMs / 1000), options.lastBirthS + 1)
  return {
    account: options.key.account,
    region: options.key.region,
    name: options.key.name,
    status: 'CREATING',
    createdMs: options.nowMs,
    bornS: birthS,
    retentionHours: RETENTION_HOURS_DEFAULT,
    trimFloorMs: 0,
    maxRecordKiB: options.maxRecordKiB,
    tags: options.tags,
    shardLevelMetrics: [],
    ...(options.onDemand === undefined ? {} : { onDemand: options.onDemand }),
    nextShard: options.shards,
    openShards: options.shards,
    change: { kind: 'create', sinceMs: options.nowMs, shards: options.shards, firstRef: options.firstRef, birthS },
    pages: new Map(),
    consumers: noConsumers,
    channels: noChannels,
  }
}

/** The shards a stream in creation will have: the same whoever asks. */
export function firstShards(stream: Stream): ShardPages {
  const { change } = stream
  if (change?.kind !== 'create') return stream.pages
  const shards = divideKeySpace(change.shards).map((range, i): Shard => ({
    number: i,
    ref: change.firstRef + i,
    range,
    birthS: change.birthS,
    parents: [],
  }))
  return paginate(shards)
}

/** The stream once its pages and shards exist. */
export function commitCreation(stream: Stream): Stream {
  const { change: _, ...rest } = stream
  return { ...rest, status: 'ACTIVE' }
}
