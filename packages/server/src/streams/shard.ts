/**
 * A shard: a range of hash keys, and the one sequence of records whose keys fall in it. Open shards take records;
 * a closed one is read to its end and has children. Plain data: a change is a new value.
 */
import type { Position, ShardRef } from '../engine/engine.ts'

/** Both ends inclusive, 0 … 2^128 − 1. */
export interface HashKeyRange {
  readonly start: bigint
  readonly end: bigint
}

export interface Shard {
  /** The number in `shardId-000000000007`. Counts up in its stream, never reused. */
  readonly number: number
  /** What the engine calls it. */
  readonly ref: ShardRef
  readonly range: HashKeyRange
  /** The second of its creation as sequence numbers carry it: strictly later than its parents'. May lead the clock. */
  readonly birthS: number
  /** None for the first shards, one after a split, [lower, upper] after a merge. */
  readonly parents: readonly number[]
  /** Present once no record can ever be added. */
  readonly closed?: ShardClosing
}

export interface ShardClosing {
  /** Just after its last record. */
  readonly end: Position
  /** At or after the time of each of its records. Ms since the epoch. */
  readonly atMs: number
}

/** The second of a record as its sequence number carries it: never before the shard's birth, which may lead the clock. */
export function recordSecond(shard: Shard, timeMs: number): number {
  return Math.max(shard.birthS, Math.floor(timeMs / 1000))
}

/** The second at which a closed shard ended, as its EndingSequenceNumber carries it: never before its birth. */
export function closingSecond(shard: Shard, closing: ShardClosing): number {
  return recordSecond(shard, closing.atMs)
}
