/** What a request is about, as far as faults go by it: its stream, and the shards that it names or writes to. */
import {
  HASH_KEY_MAX,
  parseConsumerArn,
  parseShardId,
  parseStreamArn,
  type PutRecordsInput,
  shardIdOf,
  type StreamAddress,
} from '@millrace/protocol'

import type { RecordInput } from '../operations/record-input.ts'
import type { Service } from '../service.ts'
import { routingOf } from '../streams/routing.ts'
import type { Shard } from '../streams/shard.ts'
import { openIterator } from '../streams/shard-iterator.ts'
import { findShard, isServing, placesByItself, type Stream } from '../streams/stream.ts'

export interface RequestAim {
  readonly operation: string
  /** By name: there may be none of that name. */
  readonly streamName: string | undefined
  /** Present if it can be read and written. */
  readonly stream: Stream | undefined
  /** The one it names or reads or, in order, those its records go to. Undefined: nobody knows before it is stored. */
  readonly shards: readonly (Shard | undefined)[]
  /** When the iterator was issued that it reads from, ms since the epoch. */
  readonly issuedMs?: number
}

/** The members of inputs that say so. */
interface AimedInput {
  readonly StreamName?: string
  readonly StreamARN?: string
  readonly ConsumerARN?: string
  readonly ResourceARN?: string
  readonly ShardId?: string
  readonly ShardToSplit?: string
  readonly ShardToMerge?: string
  readonly ShardIterator?: string
}

export function aimOf(
  operation: string,
  input: unknown,
  caller: { readonly account: string; readonly region: string },
  service: Pick<Service, 'findStream' | 'seal'>,
  nowMs: number,
): RequestAim {
  const named = input as AimedInput
  if (operation === 'GetRecords') {
    const opened = openIterator(service.seal, named.ShardIterator ?? '', nowMs)
    if ('fault' in opened) return { operation, streamName: undefined, stream: undefined, shards: [] }
    const stream = serving(service.findStream(opened.stream))
    const shards = stream === undefined ? [] : [findShard(stream, opened.shard)]
    return { operation, streamName: opened.stream.name, stream, shards, issuedMs: opened.issuedMs }
  }
  const address = addressOf(named, caller)
  const stream = address && serving(service.findStream(address))
  return { operation, streamName: address?.name, stream, shards: stream ? shardsFor(operation, input, stream) : [] }
}

function addressOf(
  { StreamName, StreamARN, ConsumerARN, ResourceARN }: AimedInput,
  { account, region }: { readonly account: string; readonly region: string },
): StreamAddress | undefined {
  if (StreamName !== undefined) return { account, region, name: StreamName }
  const arn = StreamARN ?? ConsumerARN ?? ResourceARN
  return arn === undefined ? undefined : (parseStreamArn(arn) ?? parseConsumerArn(arn)?.stream)
}

function serving(stream: Stream | undefined): Stream | undefined {
  return stream !== undefined && isServing(stream) ? stream : undefined
}

function shardsFor(operation: string, input: unknown, stream: Stream): readonly (Shard | undefined)[] {
  if (operation === 'PutRecord') return [shardOfRecord(input as RecordInput, stream)]
  if (operation === 'PutRecords')
    return (input as PutRecordsInput).Records.map((record) => shardOfRecord(record, stream))
  const { ShardId, ShardToSplit, ShardToMerge } = input as AimedInput
  const number = parseShardId(ShardId ?? ShardToSplit ?? ShardToMerge ?? '')
  return number === undefined ? [] : [findShard(stream, number)]
}

/** Undefined: the service places it by itself, or refuses it. */
function shardOfRecord({ PartitionKey, ExplicitHashKey }: RecordInput, stream: Stream): Shard | undefined {
  if (placesByItself(stream) || PartitionKey === undefined) return undefined
  const hash = ExplicitHashKey === undefined ? undefined : BigInt(ExplicitHashKey)
  return hash !== undefined && hash > HASH_KEY_MAX ? undefined : routingOf(stream).find(PartitionKey, hash)
}

/** Whether it is about the shard of this id. */
export function isAbout({ shards }: RequestAim, shardId: string): boolean {
  return shards.some((shard) => shard !== undefined && shardIdOf(shard.number) === shardId)
}
