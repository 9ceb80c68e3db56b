/**
 * Damage in the words of those who use the service: streams, shard ids and sequence numbers instead of what the engine
 * calls them.
 */
import { encodeSequenceNumber, shardIdOf } from '@millrace/protocol'

import type { DamagedShard, EngineDamage, RecordPlace, ShardRef } from './engine/engine.ts'
import { recordSecond, type Shard } from './streams/shard.ts'
import { shardsOf, type Stream } from './streams/stream.ts'

/** Shards named in one line for people; the rest are counted. */
const SHARDS_PER_LINE_MAX = 10

/** A shard, and whose it is. */
export interface ShardOwner {
  readonly stream: Pick<Stream, 'account' | 'region' | 'name'>
  readonly shard: Pick<Shard, 'number' | 'birthS'>
}

export type ShardOwners = ReadonlyMap<ShardRef, ShardOwner>

/** Lost records of one shard, sequence numbers inclusive. */
export interface NamedShard {
  /** Absent: the shard is no longer listed, its records expired or its stream was deleted. */
  readonly account?: string
  readonly region?: string
  readonly stream?: string
  readonly shardId?: string
  readonly engineShard: ShardRef
  /** False: it may have lost something, or nothing; nobody can tell. */
  readonly isCertain: boolean
  /** The first record that cannot be read, and the last … */
  readonly firstSequenceNumber?: string
  readonly lastSequenceNumber?: string
  /** … or, where these are not known, the nearest on both sides that can. */
  readonly afterSequenceNumber?: string
  readonly beforeSequenceNumber?: string
}

export interface NamedDamage {
  readonly reason: string
  readonly shards: readonly NamedShard[]
}

export function shardOwners(streams: Iterable<Stream>): ShardOwners {
  const owners = new Map<ShardRef, ShardOwner>()
  for (const stream of streams) for (const shard of shardsOf(stream)) owners.set(shard.ref, { stream, shard })
  return owners
}

export function nameDamage({ reason, shards }: EngineDamage, owners: ShardOwners): NamedDamage {
  return { reason, shards: shards.map((lost) => nameShard(lost, owners.get(lost.shard))) }
}

function nameShard(
  { shard: engineShard, isCertain, ...places }: DamagedShard,
  owner: ShardOwner | undefined,
): NamedShard {
  if (owner === undefined) return { engineShard, isCertain }
  const { stream, shard } = owner
  const { account, region, name } = stream
  const numbers = Object.entries(places).map(([end, place]: [string, RecordPlace]) => {
    return [`${end}SequenceNumber`, sequenceNumberOf(shard as Shard, place)]
  })
  return {
    account,
    region,
    stream: name,
    shardId: shardIdOf(shard.number),
    engineShard,
    isCertain,
    ...(Object.fromEntries(numbers) as Partial<NamedShard>),
  }
}

function sequenceNumberOf(shard: Shard, { commit, index, timeMs }: RecordPlace): string {
  const { birthS, number } = shard
  return encodeSequenceNumber({ birthS, shard: number, commit, index, timeS: recordSecond(shard, timeMs) })
}

/** One line: what is wrong and where, then whose records. */
export function describeDamage({ reason, shards }: NamedDamage): string {
  if (shards.length === 0) return reason
  const named = shards.slice(0, SHARDS_PER_LINE_MAX).map(describeShard)
  const rest = shards.length - named.length
  return `${reason}; ${named.join('; ')}${rest === 0 ? '' : `; and ${rest} more shards`}`
}

function describeShard(lost: NamedShard): string {
  const { account, region, stream, shardId, engineShard, isCertain } = lost
  const whose =
    stream === undefined ? `a shard no longer listed (${engineShard})` : `${account}/${region}/${stream} ${shardId}`
  const records = describeRecords(lost)
  return isCertain ? `${whose} lost ${records}` : `${whose} may have lost ${records}`
}

function describeRecords(lost: NamedShard): string {
  const { firstSequenceNumber: first, lastSequenceNumber: last } = lost
  if (first !== undefined) return first === last ? `record ${first}` : `records ${first} to ${last}`
  const { afterSequenceNumber: after, beforeSequenceNumber: before } = lost
  if (after !== undefined && before !== undefined) return `records after ${after} and before ${before}`
  if (after !== undefined) return `records after ${after}`
  return before === undefined ? 'records' : `records before ${before}`
}
