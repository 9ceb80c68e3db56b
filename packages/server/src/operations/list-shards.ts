import { LIST_SHARDS_PAGE_MAX, ListShards, type ListShardsInput } from '@millrace/protocol'

import { visibleFromMs } from '../streams/retention.ts'
import { type ShardFilter, shardPasses } from '../streams/shard-filter.ts'
import { listShardsAfter } from '../streams/shard-listing.ts'
import type { StreamKey } from '../streams/stream.ts'
import { invalidArgument, notActive, streamNotFound } from './faults.ts'
import { makeNextToken, readNextToken } from './next-token.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { describeShard } from './shard-description.ts'
import { shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** What to list, from where on: as asked for, or as a token carries it. */
interface Listing {
  readonly name: string
  /** The stream's birth, once it is known: a token never lists a later stream of the name. */
  readonly bornS?: number
  /** Clients may know the creation time in whole seconds only. */
  readonly createdS?: number
  readonly after: number
  readonly filter: ShardFilter
}

/** A page of a stream's shards in order of their ids, all or those that a filter leaves. */
export const listShards = handle(ListShards, (input, service, context) => {
  const listing =
    input.NextToken === undefined
      ? requestedListing(input, service, context)
      : readNextToken<Listing>(ListShards.name, tokenAlone(input), service, context)
  const key: StreamKey = { account: context.account, region: context.region, name: listing.name }
  const stream = service.catalog.find(key)
  if (stream === undefined) throw streamNotFound(key)
  if (listing.bornS !== undefined && listing.bornS !== stream.bornS) throw streamNotFound(key)
  if (listing.createdS !== undefined && listing.createdS !== Math.floor(stream.createdMs / 1000))
    throw streamNotFound(key)
  if (stream.status === 'CREATING') throw notActive(stream)

  const limit = Math.min(input.MaxResults ?? LIST_SHARDS_PAGE_MAX, LIST_SHARDS_PAGE_MAX)
  const horizonMs = visibleFromMs(stream, service.guardedClock.now(stream.retentionHours))
  const { shards, hasMore } = listShardsAfter(stream, listing.after, limit, (shard) =>
    shardPasses(stream, shard, listing.filter, horizonMs),
  )
  const progress: Listing = {
    name: listing.name,
    bornS: stream.bornS,
    after: shards.at(-1)?.number ?? listing.after,
    filter: listing.filter,
  }
  return {
    Shards: shards.map(describeShard),
    ...(hasMore ? { NextToken: makeNextToken(ListShards.name, progress, service, context) } : {}),
  }
})

function tokenAlone(input: ListShardsInput): string {
  for (const [member, name] of [
    [input.StreamName, 'StreamName'],
    [input.StreamARN, 'StreamARN'],
    [input.ShardFilter, 'ShardFilter'],
    [input.ExclusiveStartShardId, 'ExclusiveStartShardId'],
    [input.StreamCreationTimestamp, 'StreamCreationTimestamp'],
  ] as const) {
    if (member !== undefined) throw invalidArgument(`NextToken and ${name} cannot be provided together.`)
  }
  return input.NextToken ?? ''
}

function requestedListing(input: ListShardsInput, service: ServiceParts, context: OperationContext): Listing {
  if (input.StreamName === undefined && input.StreamARN === undefined)
    throw invalidArgument('Either NextToken or StreamName should be provided.')
  const key = streamKeyOf(input, ListShards.name, context)
  const filter = filterOf(input, key, service)
  const start = input.ExclusiveStartShardId
  return {
    name: key.name,
    ...(input.StreamCreationTimestamp === undefined
      ? {}
      : { createdS: Math.floor(input.StreamCreationTimestamp / 1000) }),
    after: start === undefined ? -1 : shardNumberOf(start, key),
    filter,
  }
}

// AWS's texts are unknown.
function filterOf({ ShardFilter: filter }: ListShardsInput, key: StreamKey, service: ServiceParts): ShardFilter {
  if (filter === undefined) return { type: 'FROM_TRIM_HORIZON' }
  const { Type: type, ShardId: shardId, Timestamp: timestampMs } = filter
  if (shardId !== undefined && type !== 'AFTER_SHARD_ID')
    throw invalidArgument(`ShardFilter of type ${type} does not take a ShardId.`)
  if (timestampMs !== undefined && type !== 'AT_TIMESTAMP' && type !== 'FROM_TIMESTAMP')
    throw invalidArgument(`ShardFilter of type ${type} does not take a Timestamp.`)
  if (type === 'AFTER_SHARD_ID') {
    if (shardId === undefined) throw invalidArgument('ShardFilter of type AFTER_SHARD_ID must have a ShardId.')
    return { type, shard: shardNumberOf(shardId, key) }
  }
  if (type === 'AT_TIMESTAMP' || type === 'FROM_TIMESTAMP') {
    if (timestampMs === undefined) throw invalidArgument(`ShardFilter of type ${type} must have a Timestamp.`)
    if (timestampMs > service.clock.now()) throw invalidArgument('Timestamp of ShardFilter cannot be in the future.')
    return { type, timestampMs }
  }
  return { type }
}
