/**
 * What a shard consumer drives: each face of the worker makes one for a shard. Its methods are called one at a time, as those
 * of a `RecordProcessor`.
 */
import type { Clock } from '@millrace/std'
import type { ShardCheckpointer } from '../checkpointer.ts'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { ReleaseReason } from '../leases/held-lease.ts'
import type { ConsumerRecord, InitializeInput, ShardOfProcessor } from '../record-processor.ts'
import type { FailureHandler } from './failure-handler.ts'
import type { ProcessorCall } from './shard-event.ts'

export interface ShardProcessor<Value> {
  initialize(input: InitializeInput): Promise<void>
  /**
   * How far it has records in hand that it finishes by itself, also of those for which `process` rejects when told to stop: they did
   * not fail. Absent: a call of `process` is all or nothing.
   */
  readonly inHand?: ExtendedSequenceNumber | undefined
  /** When it resolves the processor has the records, and wants the next. */
  process(records: readonly ConsumerRecord<Value>[], millisBehindLatest: number): Promise<void>
  /** So many records up to `place`, the next in order, are done with by the failure policy, without the processor. */
  passOver(place: ExtendedSequenceNumber, records: number): void
  /** Resolves when all records are done with: then the end is written. */
  shardEnded(): Promise<void>
  /** Nothing new begins. Resolves when what is under way is over, and what is done is checkpointed where that is automatic. */
  settle(): Promise<void>
  /** As `settle`, and the application has its last chance for a checkpoint. */
  shutdownRequested(reason: ReleaseReason): Promise<void>
  /** The lease is gone, or given up. Resolves when nothing is under way any more. */
  leaseLost(): Promise<void>
}

export type ShardProcessorFactory<Value> = (context: ShardContext) => ShardProcessor<Value>

/** What a face has of its shard consumer. */
export interface ShardContext extends ShardOfProcessor {
  readonly clock: Clock
  readonly checkpointer: ShardCheckpointer
  readonly failures: FailureHandler
  /** Aborted when nothing more should begin. */
  readonly stopping: AbortSignal
  /** Aborted when the lease is gone or given up: a checkpoint is refused. */
  readonly lost: AbortSignal
  /** Times a call of what the application wrote: tells when it is slow, and gives the shard up when it hangs. */
  watch<Result>(call: ProcessorCall, run: () => Result | Promise<Result>): Promise<Result>
  /** As `watch`, for the processing of records; tells when it is done. */
  process(records: readonly ConsumerRecord<unknown>[], run: () => void | Promise<void>): Promise<void>
  /** Something that happened beside the calls does not pass: the shard consumer fails. */
  fail(error: unknown): void
}
