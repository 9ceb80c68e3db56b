/**
 * What the service counts, as a port: one call per request or finding, never one per record. Whoever exports metrics
 * (telemetry/) implements it; the names Kinesis users know (IncomingBytes, PutRecords.TotalRecords,
 * GetRecords.IteratorAgeMilliseconds, …) are made there. No implementation may throw.
 */

import type { ShardLevelMetric } from '../streams/stream.ts'

/** Which stream an event is about: names are unique within an account and region only. */
export interface StreamLabel {
  readonly account: string
  readonly region: string
  readonly stream: string
}

/** One PutRecord or PutRecords call that reached a stream. */
export interface PutEvent {
  readonly operation: 'PutRecord' | 'PutRecords'
  /** Records asked for: `stored + throttled + failed`. */
  readonly records: number
  readonly stored: number
  readonly throttled: number
  readonly failed: number
  /** Data and partition keys of the stored records. */
  readonly bytesStored: number
  readonly elapsedMs: number
}

/** One GetRecords call that reached a shard. */
export interface GetEvent {
  readonly shardId: string
  readonly records: number
  /** Data and partition keys. */
  readonly bytes: number
  /** Age of the last record returned; 0 at the tip. */
  readonly iteratorAgeMs: number
  /** Refused because the shard's read budget was spent. */
  readonly throttled: boolean
  readonly elapsedMs: number
}

/** A registered consumer of a stream. */
export interface ConsumerLabel extends StreamLabel {
  readonly consumer: string
}

/** One event pushed to a subscription. */
export interface PushEvent {
  readonly records: number
  /** Data and partition keys. */
  readonly bytes: number
  /** MillisBehindLatest. */
  readonly behindMs: number
}

/** What one request came to on one shard of a stream with enhanced monitoring, under AWS's names for the metrics. */
export type ShardEvent = Readonly<Partial<Record<ShardLevelMetric, number>>>

export interface ServiceMetrics {
  put(stream: StreamLabel, event: PutEvent): void
  get(stream: StreamLabel, event: GetEvent): void
  /** One SubscribeToShard call that began a subscription, or was refused because there was one. */
  subscribe(consumer: ConsumerLabel, began: boolean): void
  push(consumer: ConsumerLabel, event: PushEvent): void
  /** Only for streams with enhanced monitoring, and only the metrics that it names. */
  shard(stream: StreamLabel, shardId: string, event: ShardEvent): void
  /** A read met stored data that cannot be read. */
  damage(stream: StreamLabel, shardId: string): void
  /** A split or merge was completed by this server. `elapsedMs`: from the close of the parents to the commit. */
  reshard(stream: StreamLabel, elapsedMs: number): void
}

export const silentServiceMetrics: ServiceMetrics = {
  put() {},
  get() {},
  subscribe() {},
  push() {},
  shard() {},
  damage() {},
  reshard() {},
}
