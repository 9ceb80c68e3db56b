/** What happens to a worker: for metrics and logs. Never a payload. */
import type { ExtendedSequenceNumber } from './extended-sequence-number.ts'
import type { ReaderCondition } from './retrieval/watchdog.ts'
import type { ReadCall } from './retrieval/reader-context.ts'
import type { RetentionGap } from './records/retention-gap.ts'
import type { DropReason } from './records/user-records.ts'
import type { ShardOfProcessor } from './record-processor.ts'
import type { ShardEvent } from './shards/shard-event.ts'
import type { ShardConsumerResult } from './shards/shard-consumer.ts'

export type WorkerEvent =
  | ShardEvent
  /** The lease was taken, and the shard begins. */
  | (ShardOfProcessor & { readonly kind: 'shard-taken' })
  | (ShardOfProcessor & { readonly kind: 'shard-left'; readonly result: ShardConsumerResult })
  /**
   * The shard is older than the retention and was ended: what records it had behind `checkpoint` nobody processed. Told
   * by the worker that ended it.
   */
  | (ShardOfProcessor & { readonly kind: 'shard-expired'; readonly checkpoint: ExtendedSequenceNumber })
  /**
   * Nothing is left of a time behind what was read, as it is older than the stream's retention: what came in it nobody processes.
   * At the beginning of a shard, or while it is read and its processor does not keep up.
   */
  | (ShardOfProcessor & RetentionGap & { readonly kind: 'retention-gap' })
  /** User records were not given to the processor. */
  | (ShardOfProcessor & { readonly kind: 'dropped'; readonly reason: DropReason; readonly records: number })
  /** What the watchdog of the shard's reader sees. */
  | (ShardOfProcessor & { readonly kind: 'reader'; readonly condition: ReaderCondition })
  /** A trouble of the shard's reader that is waited out. */
  | (ShardOfProcessor & { readonly kind: 'read-failure'; readonly error: unknown })
  /** A call of a reader that asks; `error`: it failed, and what becomes of that is told by `read-failure` or the end. */
  | (ShardOfProcessor & {
      readonly kind: 'read-call'
      readonly call: ReadCall
      readonly durationMs: number
      readonly error?: unknown
    })
  /** So many user records of an answer are to be delivered. */
  | (ShardOfProcessor & { readonly kind: 'opened'; readonly records: number })
  | StoreCallEvent
  /** The store has heard of this worker. `unowned`: leases of its streams that could be processed, and nobody holds. */
  | {
      readonly kind: 'beat'
      readonly workers: number
      readonly leases: number
      readonly held: number
      readonly unowned: number
    }
  /**
   * The streams' shards were looked at. `error`: those of `stream` could not be, and new ones wait until they can; `stream` absent: the
   * function that names the streams failed.
   */
  | {
      readonly kind: 'shard-sync'
      readonly durationMs: number
      readonly stream?: string | undefined
      readonly error?: unknown
    }
  /** The store did not hear that this worker stops: to the others it is dead after `failoverMs`. */
  | { readonly kind: 'leave-failure'; readonly error: unknown }
  /**
   * This worker's service says again and again that it does not have the stream, or that it is another one than that of the
   * leases: they are left to other workers. Where those go on with it, this worker has a wrong region or endpoint.
   */
  | { readonly kind: 'stream-absent'; readonly stream: string }
  /** And nobody alive has it: its leases are brought to their ends. */
  | { readonly kind: 'stream-gone'; readonly stream: string }
  /** No lease has some hash keys, for several rounds. */
  | { readonly kind: 'holes'; readonly stream: string; readonly holes: number }

/** `change`: leases are given up, paused or brought to their ends. */
export type StoreCall = 'beat' | 'create' | 'remove' | 'leave' | 'take' | 'ask' | 'checkpoint' | 'change'

/** The lease store was called: once for each kind of change in the call. */
export interface StoreCallEvent {
  readonly kind: 'store-call'
  readonly call: StoreCall
  /** It did not fail; what it was asked for may have been another's meanwhile. */
  readonly isAnswered: boolean
  /** Why it was not answered. */
  readonly error?: unknown
  readonly durationMs: number
  /** Leases that it was about, and those for which it was done. */
  readonly leases: number
  readonly done: number
  /** Of a checkpoint. */
  readonly shard?: ShardOfProcessor | undefined
}
