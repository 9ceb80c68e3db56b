/**
 * What a shard may take in and give out, behind a port of its own: exact with one server, approximate when several
 * share a stream. Buckets are filled lazily from the time that has passed; there are no timers.
 */
import {
  SHARD_READ_BYTES_PER_SECOND,
  SHARD_READS_PER_SECOND,
  SHARD_SUBSCRIPTION_BYTES_PER_SECOND,
  SHARD_WRITE_BYTES_PER_SECOND,
  SHARD_WRITE_RECORDS_PER_SECOND,
} from '@millrace/protocol'

import type { ShardRef } from '../engine/engine.ts'

/** Per second, each with a burst of one second. */
export interface ShardLimits {
  /** Bytes of data and keys. Default 1 MiB. A larger record draws on a reserve of ten seconds' worth. */
  readonly writeBytes: number
  /** Default 1,000. */
  readonly writeRecords: number
  /** Bytes of data and keys, shared by all who call GetRecords. Default 2 MiB. */
  readonly readBytes: number
  /** GetRecords calls. Default 5. */
  readonly reads: number
  /** Bytes of data and keys, to each registered consumer. Default 2 MiB. */
  readonly subscriptionBytes: number
}

export const AWS_SHARD_LIMITS: ShardLimits = {
  writeBytes: SHARD_WRITE_BYTES_PER_SECOND,
  writeRecords: SHARD_WRITE_RECORDS_PER_SECOND,
  readBytes: SHARD_READ_BYTES_PER_SECOND,
  reads: SHARD_READS_PER_SECOND,
  subscriptionBytes: SHARD_SUBSCRIPTION_BYTES_PER_SECOND,
}

/** `nowMs` is monotonic. */
export interface Throughput {
  /** False: everything is admitted, and nobody needs to ask. */
  readonly isLimited: boolean
  /** Bytes of data and keys per second that a subscription is sent. `Infinity`: as many as there are. */
  readonly subscriptionBytes: number
  /**
   * Admits records of one call to one shard, in order, and charges for them. Returns how many: the rest of the call's
   * records for that shard are throttled. `sizes`: bytes of data and key of each.
   */
  admitWrites(shard: ShardRef, sizes: readonly number[], nowMs: number): number
  /** Charges for one GetRecords call and says whether it may go on. */
  admitRead(shard: ShardRef, nowMs: number): boolean
  /** Charges for the bytes a read returned: they may exceed what is there, and later reads wait until that is paid. */
  chargeRead(shard: ShardRef, bytes: number, nowMs: number): void
  /** Forgets shards that are gone. */
  forget(shards: readonly ShardRef[]): void
}

export const unlimitedThroughput: Throughput = {
  isLimited: false,
  subscriptionBytes: Infinity,
  admitWrites: (_shard, sizes) => sizes.length,
  admitRead: () => true,
  chargeRead() {},
  forget() {},
}
