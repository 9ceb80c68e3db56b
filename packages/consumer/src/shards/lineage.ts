/**
 * Which leases an application needs for the shards of a stream. Pure; the rules are the KCL's (CLIENTS.md §1.7): what lies
 * next to known leases is processed from its start, never a whole history because of one gap. But for two, by which a KCL passes
 * records over: what lies there begins at no time that is configured now, and a line that is too old to be listed is still one.
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
 * with one: from the start, or the time at which these still stand, where there is such an ancestor, else at the initial position.
 */
export function missingLeases(
  { stream, createdAtSecond }: StreamOfLeases,
  shards: readonly Shard[],
  leases: ReadonlyMap<string, Lease>,
  initial: InitialPosition,
): readonly NewLease[] {
  const byId = new Map(shards.map((shard) => [shard.ShardId, shard]))
  const leaseOf = (shardId: string): Lease | undefined => leases.get(leaseKey({ stream, createdAtSecond, shardId }))
  const fromOf = (lease: Lease): number => startMs(lease, initial)
  const trimmed = [...leases.values()].filter(({ shardId }) => !byId.has(shardId))
  const line = { byId, leaseOf, fromOf, trimmedFromMs: trimmed.map(fromOf).reduce((a, b) => Math.min(a, b), Infinity) }
  const missing = new Map<string, NewLease>()
  for (const shard of shards) {
    if (!isOpen(shard) || leaseOf(shard.ShardId) !== undefined) continue
    const { between, fromMs } = ancestry(shard, line)
    const begin = fromMs === Infinity ? initial : fromMs === -Infinity ? 'oldest' : { timeMs: fromMs }
    for (const member of begin === 'latest' ? [shard] : [...between, shard])
      missing.set(member.ShardId, newLease({ stream, createdAtSecond }, member, begin))
  }
  // Parents first: one without a lease would count as processed. Numbers of shards grow.
  return [...missing.values()].sort((a, b) => (a.shardId < b.shardId ? -1 : 1))
}

/** -Infinity: it has begun, or begins at its start, and so does what comes behind it; else the time that has to be reached, ms. */
function startMs({ checkpoint, startTimeMs }: Lease, initial: InitialPosition): number {
  if (checkpoint.sequenceNumber !== AT_TIMESTAMP.sequenceNumber) return -Infinity
  // A KCL's lease tells none: the configuration does.
  return startTimeMs ?? (typeof initial === 'object' ? initial.timeMs : -Infinity)
}

interface Line {
  readonly byId: ReadonlyMap<string, Shard>
  readonly leaseOf: (shardId: string) => Lease | undefined
  readonly fromOf: (lease: Lease) => number
  /** The earliest of leases whose shards are not listed any more. Infinity: there are none. */
  readonly trimmedFromMs: number
}

/**
 * The ancestors without leases, and the earliest start of the leases behind them (Infinity: there are none). Where a parent is neither
 * listed nor leased, these are those of shards that are not listed any more: the application was away until what is between was too old.
 */
function ancestry(
  shard: Shard,
  { byId, leaseOf, fromOf, trimmedFromMs }: Line,
): { readonly between: ReadonlySet<Shard>; readonly fromMs: number } {
  const between = new Set<Shard>()
  let fromMs = Infinity
  const todo = [shard]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const shardId of parentsOf(next)) {
      const lease = leaseOf(shardId)
      const parent = byId.get(shardId)
      if (lease !== undefined) fromMs = Math.min(fromMs, fromOf(lease))
      else if (parent === undefined) fromMs = Math.min(fromMs, trimmedFromMs)
      else if (!between.has(parent)) {
        between.add(parent)
        todo.push(parent)
      }
    }
  }
  return { between, fromMs }
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
