/**
 * What the verbs ask of a Kinesis endpoint: typed operations, nothing else. `KinesisClient` is one; tests hand in a
 * stream of their own.
 */
import {
  ListShards,
  type ListShardsInput,
  type Operation,
  type Shard,
  type SubscribeToShardEvent,
  type SubscribeToShardInput,
} from '@millrace/protocol'

export interface KinesisCall {
  readonly signal?: AbortSignal
}

export interface Kinesis {
  send<I, O>(operation: Operation<I, O>, input: I, options?: KinesisCall): Promise<O>
  /** The pages of a listing, each asked for when the one before has been taken. */
  pages<I, O>(operation: Operation<I, O>, input: I, options?: KinesisCall): AsyncIterable<O>
  /** The events of one subscription. */
  subscribeToShard(input: SubscribeToShardInput, options?: KinesisCall): AsyncIterable<SubscribeToShardEvent>
}

/** All shards of a stream, or those that `filter` leaves. */
export async function listShards(
  kinesis: Kinesis,
  stream: string,
  filter?: ListShardsInput['ShardFilter'],
  options: KinesisCall = {},
): Promise<readonly Shard[]> {
  const shards: Shard[] = []
  const input = { StreamName: stream, ...(filter === undefined ? {} : { ShardFilter: filter }) }
  for await (const page of kinesis.pages(ListShards, input, options)) shards.push(...(page.Shards ?? []))
  return shards
}

export function isOpen(shard: Shard): boolean {
  return shard.SequenceNumberRange.EndingSequenceNumber === undefined
}
