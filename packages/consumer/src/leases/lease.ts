/** A lease: the right and duty of one worker to process one shard for an application, and how far it came. */
import { compareSequenceNumbers, type ExtendedSequenceNumber } from '../extended-sequence-number.ts'

export interface Lease {
  /** Unique in the application: `<stream>:<creation second of the stream>:<shard id>`, see `lease-key.ts`. */
  readonly key: string
  /** The stream's name; where workers name it by its ARN `<account>:<name>`. */
  readonly stream: string
  readonly shardId: string
  /** The worker that processes the shard; absent: nobody's. */
  readonly owner?: string | undefined
  /** A worker that asks for the lease: the owner finishes what it has in hand, checkpoints, and hands over. */
  readonly heir?: string | undefined
  /**
   * The term of ownership: grows whenever the owner changes, and when somebody seeks. Every update names the one that it
   * was thought of, so who holds an older one has lost the lease, also where the owner's name is the same again. Within a
   * term only the owner writes the checkpoint, and it never goes back.
   */
  readonly epoch: number
  /** Grows with every stored change of the lease: of two pictures of it, which is the younger. */
  readonly version: number
  /** Everything up to here, inclusive, is done with; or a sentinel. */
  readonly checkpoint: ExtendedSequenceNumber
  /** The first phase of a checkpoint of two: what the next owner is told in `initialize`. */
  readonly pending?: PendingCheckpoint | undefined
  /**
   * Where AT_TIMESTAMP is, and since when LATEST is meant (`latest.ts`), ms since the epoch. Absent at AT_TIMESTAMP: at the time
   * of the worker's `initialPosition`, else all there is.
   */
  readonly startTimeMs?: number | undefined
  /** Shards whose records come first: none, one, or two after a merge. */
  readonly parents: readonly string[]
  /** Written when the shard's end was seen. */
  readonly children: readonly string[]
  /** Decimal, inclusive. Absent where a foreign table has none. */
  readonly hashKeyRange?: { readonly starting: string; readonly ending: string } | undefined
  /** Moving average of what the shard brings, KiB/s. Unknown, as in a fleet that balances by count: absent. */
  readonly loadKiBps?: number | undefined
  /** Owners since the last checkpoint: a lease that changes hands without progress. */
  readonly ownerSwitches: number
  /** Kept, but not processed, until somebody resumes. */
  readonly paused: boolean
}

export interface PendingCheckpoint {
  readonly checkpoint: ExtendedSequenceNumber
  /** Whatever the processor wants to be told; at most 8 KiB. */
  readonly state?: Uint8Array | undefined
}

/** What can be changed of a stored lease. A member that is `undefined` is taken away, one that is absent stays. */
export type LeaseChange = {
  readonly [
    Name in
      | 'owner'
      | 'heir'
      | 'epoch'
      | 'checkpoint'
      | 'pending'
      | 'startTimeMs'
      | 'children'
      | 'hashKeyRange'
      | 'loadKiBps'
      | 'ownerSwitches'
      | 'paused'
  ]?: Lease[Name] // prettier-ignore
}

/** A checkpoint before the stored one, in the same term: a call that was overtaken. Who seeks begins a term. */
export function goesBack(lease: Lease, { checkpoint, epoch }: LeaseChange): boolean {
  return checkpoint !== undefined && epoch === undefined && compareSequenceNumbers(checkpoint, lease.checkpoint) < 0
}

export type NewLease = Omit<Lease, 'version'>
