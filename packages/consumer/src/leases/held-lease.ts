/** A lease as its shard consumer sees it while the worker holds it: the coordinator's side is `lease-coordinator.ts`. */
import type { ChildShard } from '@millrace/protocol'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { Lease, PendingCheckpoint } from './lease.ts'

/** Why a shard consumer is asked to finish what it has in hand and return. */
export type ReleaseReason = 'handoff' | 'stop' | 'pause'

export interface HeldLease {
  /** As it was read last. */
  readonly lease: Lease
  /**
   * Aborted as soon as the lease is not, or may not be, this worker's any more; the reason is a `LeaseLostError`. Nothing
   * is delivered after it, and a checkpoint after it is refused.
   */
  readonly lost: AbortSignal
  /** Aborted when the shard consumer should come to an end in its own time; the reason is a `ReleaseReason`. */
  readonly release: AbortSignal
  /** How long it may take for that, ms, where whoever asks says so. Default: the consumer's `finishMs`. */
  readonly releaseMs?: number | undefined
  /**
   * Stores how far the shard was processed, and with it, in one change, the first phase of a checkpoint of two; without
   * `pending` an older pending one is taken away. Durable when it resolves. Troubles of the store that pass are waited out as long
   * as the lease is surely held; rejects with a `LeaseLostError`, and with a `LeaseStoreError` for what does not pass.
   */
  checkpoint(place: ExtendedSequenceNumber, pending?: PendingCheckpoint): Promise<void>
  /** Stores where the lease begins that is at LATEST, and tells no time. Errors as above. */
  beginAt(startTimeMs: number): Promise<void>
  /** The shard is processed to its end: makes the leases of its children, then writes SHARD_END. Errors as above. */
  end(children: readonly ChildShard[]): Promise<void>
  /** Bytes were delivered: what balances loads. */
  delivered(bytes: number): void
}

/** The lease is another worker's, or nobody knows: whoever comes next gets what was not checkpointed again. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
  readonly key: string

  constructor(key: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.key = key
  }
}
