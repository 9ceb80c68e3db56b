/**
 * What an account has in one region, in all. It is counted along with each change of a stream, so that a request that is
 * held against a quota looks at no stream but its own. What counts for what is told here and nowhere else.
 */
import type { StreamChange, StreamStatus } from '../streams/stream.ts'

export interface Totals {
  /** Open shards that streams have or are about to have, without those of streams that are going. */
  readonly openShards: number
  /** Streams in ON_DEMAND mode, without those that are going. */
  readonly onDemandStreams: number
  /** Streams in CREATING. */
  readonly creatingStreams: number
  /** Streams in DELETING. */
  readonly deletingStreams: number
  /** Consumers in CREATING, of streams in every state. */
  readonly creatingConsumers: number
  /** Channels in every state, of streams in every state. */
  readonly channels: number
}

export const NOTHING: Totals = {
  openShards: 0,
  onDemandStreams: 0,
  creatingStreams: 0,
  deletingStreams: 0,
  creatingConsumers: 0,
  channels: 0,
}

/** As much of a stream as is counted: none of it is linear in its shards. */
export interface Counted {
  readonly status: StreamStatus
  readonly openShards: number
  readonly change?: StreamChange
  readonly onDemand?: unknown
}

/** What one stream adds. */
export function shareOf(stream: Counted, consumers: Iterable<{ readonly status: string }>, channels: number): Totals {
  const isGoing = stream.status === 'DELETING'
  let creatingConsumers = 0
  for (const { status } of consumers) if (status === 'CREATING') creatingConsumers++
  return {
    openShards: isGoing ? 0 : openShardsToBe(stream),
    onDemandStreams: Number(!isGoing && stream.onDemand !== undefined),
    creatingStreams: Number(stream.status === 'CREATING'),
    deletingStreams: Number(isGoing),
    creatingConsumers,
    channels,
  }
}

/** The totals after a stream that added `before` adds `after`. */
export function withShare(totals: Totals, before: Totals, after: Totals): Totals {
  return {
    openShards: totals.openShards - before.openShards + after.openShards,
    onDemandStreams: totals.onDemandStreams - before.onDemandStreams + after.onDemandStreams,
    creatingStreams: totals.creatingStreams - before.creatingStreams + after.creatingStreams,
    deletingStreams: totals.deletingStreams - before.deletingStreams + after.deletingStreams,
    creatingConsumers: totals.creatingConsumers - before.creatingConsumers + after.creatingConsumers,
    channels: totals.channels - before.channels + after.channels,
  }
}

function openShardsToBe({ openShards, change }: Counted): number {
  if (change?.kind !== 'reshard') return openShards
  const { scaling, parents, children } = change
  return Math.max(openShards, scaling?.target ?? openShards - parents.length + children.length)
}
