/**
 * How far one shard is processed, as its processor says, on its way to the store.
 *
 * Invariants: last checkpoint ≤ value ≤ what was delivered; what is stored never goes back; at most one call of the store
 * is under way and one waits, which carries the newest value; a value that is stored already costs no call.
 */
import type { ChildShard } from '@millrace/protocol'
import { type Clock, type Deferred, deferred } from '@millrace/std'
import { DisposedRecords } from './disposed-records.ts'
import {
  compareSequenceNumbers,
  type ExtendedSequenceNumber,
  extendedSequenceNumber,
  isSentinel,
  isShardEnd,
  placeOf,
  SHARD_END,
} from './extended-sequence-number.ts'
import { type HeldLease, LeaseLostError } from './leases/held-lease.ts'
import type { PendingCheckpoint } from './leases/lease.ts'
import type { Checkpointer, Place, PreparedCheckpoint } from './record-processor.ts'

/** Of `prepareCheckpoint`. Ours: what every store surely takes, once for each lease. */
export const PENDING_STATE_BYTES_MAX: number = 8 * 1024

/** Stands for the last record of an aggregated one whose number of records is not known any more. */
const WHOLE_RECORD = Number.MAX_SAFE_INTEGER

interface Stored {
  readonly checkpoint: ExtendedSequenceNumber
  readonly pending?: PendingCheckpoint | undefined
}

export interface ShardCheckpointerOptions {
  readonly held: HeldLease
  readonly clock: Clock
  readonly onStored: (checkpoint: ExtendedSequenceNumber, durationMs: number) => void
  /** The store says that the lease is another's. */
  readonly onLost: (error: LeaseLostError) => void
}

export class ShardCheckpointer implements Checkpointer {
  readonly #options: ShardCheckpointerOptions
  #stored: Stored
  #wanted: Stored
  #delivered: ExtendedSequenceNumber
  readonly #disposed = new DisposedRecords()
  /** Known when everything of a closed shard was delivered: from then on the last place is the shard's end. */
  #children: readonly ChildShard[] | undefined
  #underWay: { readonly wanted: Stored; readonly promise: Promise<void> } | undefined
  #next: Deferred<void> | undefined
  #closed: LeaseLostError | undefined

  constructor(options: ShardCheckpointerOptions) {
    const { checkpoint, pending } = options.held.lease
    this.#options = options
    this.#stored = { checkpoint, pending }
    this.#wanted = this.#stored
    this.#delivered = checkpoint
  }

  /** The last checkpoint, which may be still on its way to the store. */
  get last(): ExtendedSequenceNumber {
    return this.#wanted.checkpoint
  }

  /** The last checkpoint that is surely stored. */
  get stored(): ExtendedSequenceNumber {
    return this.#stored.checkpoint
  }

  /** The largest place that the processor has. */
  get delivered(): ExtendedSequenceNumber {
    return this.#delivered
  }

  deliver(upTo: ExtendedSequenceNumber): void {
    this.#delivered = placeOf(upTo)
  }

  /** What comes next, up to this place, the failure policy disposed of. */
  passOver(upTo: ExtendedSequenceNumber): void {
    this.#disposed.add({ after: this.#delivered, upTo: placeOf(upTo) })
    this.#delivered = placeOf(upTo)
  }

  /** Everything that was delivered is checkpointed, or disposed of behind what is. */
  get isAcknowledged(): boolean {
    return compareSequenceNumbers(this.#disposed.reach(this.last), this.#delivered) >= 0
  }

  /** What was delivered behind `place` failed; what of it is checkpointed stays so. */
  withdrawTo(place: ExtendedSequenceNumber): void {
    this.#delivered = compareSequenceNumbers(place, this.last) < 0 ? this.last : place
  }

  /** Everything was delivered: a checkpoint at the last place is one at the shard's end now. */
  reachEnd(children: readonly ChildShard[]): void {
    this.#children = children
  }

  /** From now on every checkpoint is refused. */
  close(reason: LeaseLostError): void {
    this.#closed ??= reason
  }

  async checkpoint(upTo?: Place): Promise<void> {
    await this.#want({ checkpoint: this.#permitted(upTo) })
  }

  /**
   * As `checkpoint`, for who learns out of order what is done: nothing to do where the last checkpoint is farther. A RangeError
   * for what was not delivered, or failed and was not delivered again.
   */
  async advance(upTo: ExtendedSequenceNumber): Promise<void> {
    this.#refuseIfClosed()
    const value = this.#disposed.reach(placeOf(upTo))
    this.#refuseBeyondDelivered(value)
    if (compareSequenceNumbers(value, this.last) > 0) await this.#want({ checkpoint: value })
    else await (this.#next ?? this.#underWay)?.promise
  }

  /** What was disposed of behind the last checkpoint, with nothing between them, is checkpointed, too. */
  async checkpointDisposed(): Promise<void> {
    this.#refuseIfClosed()
    const value = this.#disposed.reach(this.last)
    if (compareSequenceNumbers(value, this.last) > 0)
      await this.#want({ checkpoint: value, pending: this.#wanted.pending })
    else await (this.#next ?? this.#underWay)?.promise
  }

  async prepareCheckpoint(upTo?: Place, state?: Uint8Array): Promise<PreparedCheckpoint> {
    if (state !== undefined && state.length > PENDING_STATE_BYTES_MAX)
      throw new RangeError(
        `Expected a state of at most ${PENDING_STATE_BYTES_MAX} bytes with a prepared checkpoint of ${this.#where}, ` +
          `found ${state.length}. Keep it elsewhere and hand in where it is.`,
      )
    const checkpoint = this.#permitted(upTo)
    await this.#want({
      checkpoint: this.#disposed.reach(this.last),
      pending: { checkpoint, state: state && Uint8Array.from(state) },
    })
    return { checkpoint: () => this.checkpoint(checkpoint) }
  }

  get #where(): string {
    const { stream, shardId } = this.#options.held.lease
    return `${shardId} of ${stream}`
  }

  /** The place that is meant, if it may be checkpointed. A RangeError otherwise. */
  #permitted(upTo: Place | undefined): ExtendedSequenceNumber {
    this.#refuseIfClosed()
    const named = upTo === undefined ? this.#delivered : this.#placeOf(upTo)
    const value = isSentinel(named) ? named : this.#disposed.reach(named)
    const isLast = isShardEnd(value) || compareSequenceNumbers(value, this.#delivered) === 0
    if (this.#children !== undefined && isLast) return SHARD_END
    this.#refuseBeyondDelivered(value, isSentinel(value) && upTo !== undefined)
    if (compareSequenceNumbers(value, this.last) < 0)
      throw new RangeError(
        `Expected a place at or behind the last checkpoint, ${text(this.last)}, for a checkpoint of ${this.#where}, found ` +
          `${text(value)}. To process records again, seek or reset the application.`,
      )
    return value
  }

  #refuseBeyondDelivered(value: ExtendedSequenceNumber, isWord = false): void {
    if (isWord || compareSequenceNumbers(value, this.#delivered) > 0)
      throw new RangeError(
        `Expected a place that was delivered, at most ${text(this.#delivered)}, for a checkpoint of ${this.#where}, found ` +
          `${text(value)}. Checkpoint records that processRecords was given, and those of a batch that failed only when it ` +
          'was delivered again.',
      )
  }

  #placeOf({ sequenceNumber, subSequenceNumber }: Place): ExtendedSequenceNumber {
    if (subSequenceNumber !== undefined || isSentinel({ sequenceNumber, subSequenceNumber: 0 }))
      return extendedSequenceNumber(sequenceNumber, subSequenceNumber)
    if (sequenceNumber === this.#delivered.sequenceNumber) return this.#delivered
    return extendedSequenceNumber(sequenceNumber, WHOLE_RECORD)
  }

  #refuseIfClosed(): void {
    if (this.#closed !== undefined) throw this.#closed
  }

  /** Resolves when `wanted`, or what came after it, is stored. */
  async #want(wanted: Stored): Promise<void> {
    if (this.#next === undefined) {
      if (this.#underWay !== undefined && isSame(wanted, this.#underWay.wanted)) return this.#underWay.promise
      if (this.#underWay === undefined && isSame(wanted, this.#stored)) return
    }
    this.#wanted = wanted
    this.#next ??= deferred()
    const { promise } = this.#next
    if (this.#underWay === undefined) void this.#storeAll()
    return promise
  }

  async #storeAll(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      const wanted = this.#wanted
      this.#next = undefined
      this.#underWay = { wanted, promise: next.promise }
      try {
        this.#refuseIfClosed()
        const begin = this.#options.clock.monotonic()
        await this.#store(wanted)
        this.#stored = wanted
        this.#options.onStored(wanted.checkpoint, this.#options.clock.monotonic() - begin)
        next.resolve()
      } catch (error) {
        if (this.#next === undefined) this.#wanted = this.#stored
        if (error instanceof LeaseLostError) this.#options.onLost(error)
        next.reject(error)
      }
      this.#underWay = undefined
    }
  }

  async #store({ checkpoint, pending }: Stored): Promise<void> {
    const { held } = this.#options
    if (isSame({ checkpoint, pending }, this.#stored)) return
    if (isShardEnd(checkpoint)) await held.end(this.#children ?? [])
    else await held.checkpoint(checkpoint, pending)
  }
}

/** The processor's lease is another's, or given up. */
export function noLongerHeld({ key, shardId, stream }: HeldLease['lease'], why: string): LeaseLostError {
  return new LeaseLostError(
    key,
    `The lease of ${shardId} of ${stream} is not held any more: ${why}. Whoever has it next gets the records that were not ` +
      'checkpointed.',
  )
}

/** A second pending checkpoint is never the same: its state may differ. */
function isSame(a: Stored, b: Stored): boolean {
  return a.pending === b.pending && compareSequenceNumbers(a.checkpoint, b.checkpoint) === 0
}

function text({ sequenceNumber, subSequenceNumber }: ExtendedSequenceNumber): string {
  return subSequenceNumber === 0 ? sequenceNumber : `${sequenceNumber}/${subSequenceNumber}`
}
