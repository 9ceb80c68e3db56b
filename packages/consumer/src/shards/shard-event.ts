/** What happens to a shard while it is consumed: for metrics and logs. Never a payload. */
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { ShardOfProcessor } from '../record-processor.ts'
import type { ShardConsumerState } from './shard-consumer-state.ts'

export type ShardEvent = ShardOfProcessor & ShardHappening

export type ProcessorCall = 'initialize' | 'process' | 'leaseLost' | 'shardEnded' | 'shutdownRequested'

/** What the application wrote and is waited for. `schema`: promises of its values. */
export type WatchedCall = ProcessorCall | 'schema'

/** In the shard's order, inclusive. */
export interface RecordRange {
  readonly records: number
  readonly first: ExtendedSequenceNumber
  readonly last: ExtendedSequenceNumber
}

export type ShardHappening =
  | { readonly kind: 'state'; readonly from: ShardConsumerState; readonly to: ShardConsumerState }
  /** An answer of the reader came; one without records at the tip, too. */
  | {
      readonly kind: 'read'
      readonly records: number
      readonly bytes: number
      /** ms. */
      readonly millisBehindLatest: number
    }
  /** The processor is done with these. */
  | {
      readonly kind: 'processed'
      readonly records: number
      readonly bytes: number
      readonly durationMs: number
    }
  /** A call that is about no records has come back. */
  | { readonly kind: 'called'; readonly call: ProcessorCall; readonly durationMs: number }
  /** All user records of one answer of the reader were delivered, or disposed of by the failure policy. */
  | { readonly kind: 'delivered'; readonly records: number }
  /** It threw; and what becomes of it. Without records for a call that is about none. */
  | (Partial<RecordRange> & {
      readonly kind: 'failure'
      readonly call: ProcessorCall
      /** How often these have failed, this time included. */
      readonly failures: number
      readonly error: unknown
      readonly next: 'retry' | 'bisect' | 'dead-letter' | 'skip' | 'stop' | 'pass'
      /** Until the retry, ms; 0 otherwise. */
      readonly delayMs: number
    })
  /** The sink has these durably. */
  | (RecordRange & { readonly kind: 'dead-lettered' })
  /** The sink did not take one; it is asked again after `delayMs`. */
  | {
      readonly kind: 'dead-letter-failure'
      readonly error: unknown
      readonly failures: number
      readonly delayMs: number
    }
  | (RecordRange & { readonly kind: 'skipped' })
  /** A call of the application takes longer than `slowMs`. Told once for each call. */
  | { readonly kind: 'slow'; readonly call: WatchedCall; readonly elapsedMs: number }
  /** It has not come back for five minutes (twice `slowMs` where that is more), and again after twice as long each time: logged, too. */
  | { readonly kind: 'stuck'; readonly call: WatchedCall; readonly elapsedMs: number }
  | { readonly kind: 'checkpointed'; readonly checkpoint: ExtendedSequenceNumber; readonly durationMs: number }
