/**
 * The KCL's face: one processor for each shard that the worker holds. All methods of one processor are called one at a
 * time. What throws is handled by the failure policy; nothing is passed over because of it.
 */
import type { ExtendedSequenceNumber } from './extended-sequence-number.ts'
import type { ReleaseReason } from './leases/held-lease.ts'
import type { PendingCheckpoint } from './leases/lease.ts'

export interface RecordProcessor<Value = Uint8Array> {
  /** Before the first records. */
  initialize?(input: InitializeInput): void | Promise<void>
  /** Batches come in the shard's order; the next comes when this one has resolved. */
  processRecords(input: ProcessRecordsInput<Value>): void | Promise<void>
  /** The lease is gone. A checkpoint is refused now; whoever has the lease gets what was not checkpointed. */
  leaseLost?(): void | Promise<void>
  /** Everything of a closed shard was delivered. When it resolves, the end is written, and the children begin. */
  shardEnded?(input: { readonly checkpointer: Checkpointer }): void | Promise<void>
  /** The last chance for a checkpoint: the worker stops, hands the lease over, or was told to pause the shard. */
  shutdownRequested?(input: {
    readonly checkpointer: Checkpointer
    readonly reason: ReleaseReason
  }): void | Promise<void>
}

export interface ShardOfProcessor {
  readonly stream: string
  readonly shardId: string
}

export interface InitializeInput extends ShardOfProcessor {
  /** The last place that was checkpointed, or a sentinel. */
  readonly checkpoint: ExtendedSequenceNumber
  /** The first phase of a checkpoint whose second was not reached. */
  readonly pending?: PendingCheckpoint | undefined
}

export interface ProcessRecordsInput<Value = Uint8Array> extends ShardOfProcessor {
  readonly records: readonly ConsumerRecord<Value>[]
  readonly checkpointer: Checkpointer
  /** How far the last record is behind the tip of the shard, ms. */
  readonly millisBehindLatest: number
  /** Aborted when the lease is gone: what is still under way is in vain, somebody else does it again. */
  readonly lost: AbortSignal
}

/** A record as a producer put it: those of an aggregated record come one by one. */
export interface ConsumerRecord<Value = Uint8Array> {
  readonly sequenceNumber: string
  /** The place in an aggregated record; 0 for one that stands alone. */
  readonly subSequenceNumber: number
  readonly isAggregated: boolean
  readonly partitionKey: string
  readonly explicitHashKey?: string | undefined
  /** ms since the epoch. */
  readonly approximateArrivalTimestamp: number
  readonly encryptionType: 'NONE' | 'KMS'
  readonly data: Uint8Array
  /** What the schema made of `data`; `data` itself without a schema. */
  readonly value: Value
}

/** Of one processor. Every checkpoint is refused with a `LeaseLostError` when the lease is gone. */
export interface Checkpointer {
  /**
   * Everything up to this record, inclusive, is done with; without one: everything delivered so far. A RangeError for
   * what was not delivered, or lies before the last checkpoint.
   */
  checkpoint(upTo?: Place): Promise<void>
  /**
   * The first phase of two: stores the place and `state` (8 KiB at most) as pending. The second phase makes it the
   * checkpoint. After a crash between them the next owner is told in `initialize`.
   */
  prepareCheckpoint(upTo?: Place, state?: Uint8Array): Promise<PreparedCheckpoint>
}

/** Without `subSequenceNumber`: the whole record, all of an aggregated one. */
export type Place = Pick<ConsumerRecord, 'sequenceNumber'> & Partial<Pick<ConsumerRecord, 'subSequenceNumber'>>

export interface PreparedCheckpoint {
  checkpoint(): Promise<void>
}
