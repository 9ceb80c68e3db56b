/**
 * Which leases an application needs for the shards of a stream. Pure; the rules are the KCL's (CLIENTS.md §1.7): what lies
 * next to known leases is processed from its start, never a whole history because of one gap.
 */
import { HASH_KEY_MAX, type Shard } from '@millrace/protocol'
import {
  AT_TIMESTAMP,
  type ExtendedSequenceNumber,
  isShardEnd,
  LATEST,
  TRIM_HORIZON,
} from '../extended-sequence-number.ts'
import { leaseKey } from '../leases/lease-key.ts'
import type { Lease, NewLease } from '../leases/lease.ts'

/** Where an application begins that has no leases of a stream yet. */
export type InitialPosition = 'oldest' | 'latest' | { readonly timeMs: number }

export interface StreamOfLeases {
  readonly stream: string
  readonly createdAtSecond: number
}

/**
 * The leases that are missing. `leases`: those of this stream. Without any: the open shards where it begins with the
 * latest, else all shards that are listed. Otherwise every open shard without a lease, and its ancestors up to the nearest
 * with one: from the start where there is such an ancestor, else at the initial position.
 */
export function missingLeases(
  { stream, createdAtSecond }: StreamOfLeases,
  shards: readonly Shard[],
  leases: ReadonlyMap<string, Lease>,
  initial: InitialPosition,
): readonly NewLease[] {
  const byId = new Map(shards.map((shard) => [shard.ShardId, shard]))
  const keyOf = (shardId: string): string => leaseKey({ stream, createdAtSecond, shardId })
  const hasLease = (shardId: string): boolean => leases.has(keyOf(shardId))
  const missing = new Map<string, NewLease>()
  const add = (shard: Shard, isBesideKnown: boolean): void => {
    const begin = isBesideKnown && initial === 'latest' ? 'oldest' : initial
    missing.set(shard.ShardId, newLease({ stream, createdAtSecond }, shard, begin))
  }
  for (const shard of shards) {
    if (!isOpen(shard) || hasLease(shard.ShardId)) continue
    const { between, hasKnown } = ancestry(shard, byId, hasLease)
    if (!hasKnown && initial === 'latest') add(shard, false)
    else for (const member of [...between, shard]) add(member, hasKnown)
  }
  // Parents first: one without a lease would count as processed. Numbers of shards grow.
  return [...missing.values()].sort((a, b) => (a.shardId < b.shardId ? -1 : 1))
}

/** The ancestors without leases, and whether any with one is behind them. */
function ancestry(
  shard: Shard,
  byId: ReadonlyMap<string, Shard>,
  hasLease: (shardId: string) => boolean,
): { readonly between: ReadonlySet<Shard>; readonly hasKnown: boolean } {
  const between = new Set<Shard>()
  let hasKnown = false
  const todo = [shard]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const shardId of parentsOf(next)) {
      if (hasLease(shardId)) hasKnown = true
      const parent = byId.get(shardId)
      if (parent === undefined || hasLease(shardId) || between.has(parent)) continue
      between.add(parent)
      todo.push(parent)
    }
  }
  return { between, hasKnown }
}

export function newLease(
  { stream, createdAtSecond }: StreamOfLeases,
  shard: Pick<Shard, 'ShardId' | 'HashKeyRange' | 'ParentShardId' | 'AdjacentParentShardId'>,
  initial: InitialPosition,
): NewLease {
  return {
    key: leaseKey({ stream, createdAtSecond, shardId: shard.ShardId }),
    stream,
    shardId: shard.ShardId,
    epoch: 0,
    checkpoint: sentinelOf(initial),
    ...(typeof initial === 'object' ? { startTimeMs: initial.timeMs } : {}),
    parents: parentsOf(shard),
    children: [],
    hashKeyRange: { starting: shard.HashKeyRange.StartingHashKey, ending: shard.HashKeyRange.EndingHashKey },
    ownerSwitches: 0,
    paused: false,
  }
}

function sentinelOf(initial: InitialPosition): ExtendedSequenceNumber {
  if (typeof initial === 'object') return AT_TIMESTAMP
  return initial === 'oldest' ? TRIM_HORIZON : LATEST
}

function parentsOf(shard: Pick<Shard, 'ParentShardId' | 'AdjacentParentShardId'>): readonly string[] {
  return [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined)
}

function isOpen(shard: Shard): boolean {
  return shard.SequenceNumberRange.EndingSequenceNumber === undefined
}

/**
 * Finished leases that nobody needs any more: their children have begun (a checkpoint that is no beginning), or their shards are
 * too old to be listed, and no lease of a parent is left that would wait for them.
 */
export function disposableLeases(
  leases: ReadonlyMap<string, Lease>,
  stream: StreamOfLeases,
  shards: readonly Shard[],
): readonly Lease[] {
  const listed = new Set(shards.map(({ ShardId }) => ShardId))
  const of = (shardId: string): Lease | undefined => leases.get(leaseKey({ ...stream, shardId }))
  return [...leases.values()].filter(
    (lease) =>
      isShardEnd(lease.checkpoint) &&
      lease.parents.every((parent) => of(parent) === undefined) &&
      (!listed.has(lease.shardId) ||
        (lease.children.length > 0 && lease.children.every((shardId) => hasBegun(of(shardId))))),
  )
}

function hasBegun(lease: Lease | undefined): boolean {
  return lease !== undefined && !['TRIM_HORIZON', 'AT_TIMESTAMP', 'LATEST'].includes(lease.checkpoint.sequenceNumber)
}

export interface KeyRange {
  readonly starting: bigint
  readonly ending: bigint
}

/** Parts of the key space that no unfinished lease has; none as long as one of these does not tell its range. */
export function keySpaceHoles(leases: Iterable<Lease>): readonly KeyRange[] {
  const unfinished = [...leases].filter(({ checkpoint }) => !isShardEnd(checkpoint))
  const told = unfinished.map(({ hashKeyRange }) => hashKeyRange).filter((range) => range !== undefined)
  if (told.length < unfinished.length) return []
  const ranges = told
    .map(({ starting, ending }) => ({ starting: BigInt(starting), ending: BigInt(ending) }))
    .sort((a, b) => (a.starting < b.starting ? -1 : a.starting > b.starting ? 1 : 0))
  const holes: KeyRange[] = []
  let next = 0n
  for (const { starting, ending } of ranges) {
    if (starting > next) holes.push({ starting: next, ending: starting - 1n })
    if (ending >= next) next = ending + 1n
  }
  if (next <= HASH_KEY_MAX) holes.push({ starting: next, ending: HASH_KEY_MAX })
  return holes
}
