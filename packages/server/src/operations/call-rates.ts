/**
 * How often each operation may be called (`--api-limits aws`): buckets of one second, per account and region, or per
 * stream or consumer where AWS counts so (KINESIS.md §20). Exact with one server, like the limits of shards. Reads of
 * shards are not here: they belong to the shards.
 */
import {
  applicationOperations,
  consumerArn,
  KinesisError,
  parseConsumerArn,
  parseShardId,
  parseStreamArn,
} from '@millrace/protocol'
import { TokenBucket } from '@millrace/std'

import { streamId } from '../catalog/keys.ts'
import type { OperationContext } from './operation.ts'

/** What shares one bucket. */
type Scope = 'account' | 'stream' | 'shard' | 'subscription'

interface Rate {
  /** Calls per second, and as many at once. */
  readonly perSecond: number
  readonly scope: Scope
}

const usual: Rate = { perSecond: 5, scope: 'account' }

/** AWS's, where they are not the usual five a second of an account. Puts and GetRecords have none of their own. */
const rates: Readonly<Record<string, Rate | undefined>> = {
  PutRecord: undefined,
  PutRecords: undefined,
  GetRecords: undefined,
  GetShardIterator: { perSecond: 5, scope: 'shard' },
  SubscribeToShard: { perSecond: 1, scope: 'subscription' },
  DescribeLimits: { perSecond: 1, scope: 'account' },
  DescribeStream: { perSecond: 10, scope: 'account' },
  UpdateShardCount: { perSecond: 10, scope: 'account' },
  DescribeStreamSummary: { perSecond: 20, scope: 'account' },
  DescribeStreamConsumer: { perSecond: 20, scope: 'stream' },
  DeregisterStreamConsumer: { perSecond: 5, scope: 'stream' },
  ListStreamConsumers: { perSecond: 5, scope: 'stream' },
  ListShards: { perSecond: 1000, scope: 'stream' },
}

/** What a call may name, of what buckets go by. */
export interface Named {
  readonly StreamName?: string
  readonly StreamARN?: string
  readonly ConsumerARN?: string
  readonly ShardId?: string
}

/** Buckets that were not used for a second are full, and are as good as none. Beyond this many, they go. */
const BUCKETS_MAX = 10_000

export class CallRates {
  readonly #buckets = new Map<string, TokenBucket>()

  /** How many buckets there are. */
  get size(): number {
    return this.#buckets.size
  }

  /** Throws when the call is one too many. `nowMs` is monotonic. */
  admit(operation: string, input: unknown, context: OperationContext, nowMs: number): void {
    // AWS's limits are not about what AWS does not have.
    if (applicationOperations.has(operation)) return
    const rate = operation in rates ? rates[operation] : usual
    if (rate === undefined) return
    const named = input as Named
    const key = `${operation} ${keyOf(rate.scope, named, context)}`
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#forgetFull(nowMs)
      bucket = new TokenBucket(rate.perSecond, rate.perSecond, nowMs)
      this.#buckets.set(key, bucket)
    }
    if (!bucket.take(1, nowMs)) throw rateExceeded(operation, named, context)
  }

  /** Those that are full; the oldest, if none is. */
  #forgetFull(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(key)
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < BUCKETS_MAX) return
      this.#buckets.delete(key)
    }
  }
}

/** Shards and consumers go by what they are, not by how they are written: one has many ids, and ARNs many partitions. */
function keyOf(scope: Scope, named: Named, { account, region }: OperationContext): string {
  if (scope === 'account') return `${account}/${region}`
  const stream = streamId({ account, region, name: streamNameOf(named) ?? '' })
  if (scope === 'stream') return stream
  // What names no shard has a bucket, too: all of a stream one.
  const shard = parseShardId(named.ShardId ?? '')
  if (scope === 'shard') return `${stream} ${shard}`
  const consumer = parseConsumerArn(named.ConsumerARN ?? '')
  return `${consumer === undefined ? stream : consumerArn(consumer)} ${shard}`
}

function streamNameOf({ StreamName, StreamARN, ConsumerARN }: Named): string | undefined {
  if (StreamName !== undefined) return StreamName
  if (StreamARN !== undefined) return parseStreamArn(StreamARN)?.name
  return ConsumerARN === undefined ? undefined : parseConsumerArn(ConsumerARN)?.stream.name
}

/** The text for calls that name no stream is ours: AWS's is unknown. */
export function rateExceeded(operation: string, named: Named, { account }: OperationContext): KinesisError {
  const name = streamNameOf(named)
  if (operation === 'GetShardIterator') {
    return new KinesisError(
      'ProvisionedThroughputExceededException',
      `Rate exceeded for shard ${named.ShardId} in stream ${name} under account ${account}.`,
    )
  }
  const what = name === undefined ? operation : `stream ${name}`
  return new KinesisError('LimitExceededException', `Rate exceeded for ${what} under account ${account}.`)
}
