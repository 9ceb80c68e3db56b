/**
 * The face of `for await (const batch of worker.batches())`: one loop over all shards that the worker holds. The loop's pace
 * rules all readers: a shard has one batch on offer or in the loop's hands, and the next comes when the loop has come back.
 */
import { type Deferred, deferred, untilAborted } from '@millrace/std'
import { compareSequenceNumbers, type ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import { checkKind, checkNames, RUN_OPTIONS } from '../option-checks.ts'
import type { Checkpointer, ConsumerRecord, Place, ShardOfProcessor } from '../record-processor.ts'
import { checkPace, type CheckpointPace, CheckpointPacer } from '../shards/checkpoint-pacer.ts'
import type { ShardContext, ShardProcessor, ShardProcessorFactory } from '../shards/shard-processor.ts'
import type { ReleaseReason } from '../leases/held-lease.ts'
import type { BatchChannel } from './batch-channel.ts'
import { facing } from './record-processor-face.ts'

/** Records of one shard, in its order. */
export interface Batch<Value = Uint8Array> extends ShardOfProcessor {
  readonly records: readonly ConsumerRecord<Value>[]
  /** How far the last record is behind the tip of the shard, ms. */
  readonly millisBehindLatest: number
  /**
   * The shard is closed, and batches of it were not acknowledged yet: this one, without records, acknowledges them all and
   * lets the shard's children begin.
   */
  readonly isShardEnd: boolean
  /** Aborted when the lease is gone: what is still under way is in vain, and a checkpoint rejects with a LeaseLostError. */
  readonly lost: AbortSignal
  /**
   * This batch, or up to a record of it, and everything before it in its shard is done with. Durable when it resolves. May
   * come later than the next batch. A RangeError for a place that was not delivered, and for a batch that failed: it comes
   * again, as another one.
   */
  checkpoint(upTo?: Place): Promise<void>
  /** The processing failed: the batch comes again, by the failure policy. Nothing for one that the loop has left behind. */
  fail(error: unknown): void
}

/** How the loop parted from a batch. */
export type Parting =
  /** It came back for the next one, or acknowledged it. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** It will not come back. */
  | { readonly kind: 'left' }

export interface Offer<Value> {
  readonly batch: Batch<Value>
  readonly taken: Deferred<void>
  readonly parted: Deferred<Parting>
}

export interface BatchesOptions {
  /** Checkpoints by themselves: a batch counts as done with when the loop comes back for the next. Default: none. */
  readonly checkpoint?: CheckpointPace | undefined
  /**
   * The last chance for a checkpoint of a shard, for a loop that does not make one of every batch: the worker stops, hands the lease over,
   * or was told to pause the shard; the loop has come back for the batch in hand, or left it. Without a place `checkpoint` is at the end of the
   * last batch that it came back for. Afterwards, and when the loop is over, every checkpoint is refused. Default: nothing is called.
   */
  readonly shutdownRequested?: ((input: ShutdownOfShard) => void | Promise<void>) | undefined
}

export interface ShutdownOfShard extends ShardOfProcessor {
  readonly checkpointer: Checkpointer
  readonly reason: ReleaseReason
}

export function batchesFace<Value>(
  channel: BatchChannel<Value>,
  options: BatchesOptions = {},
): ShardProcessorFactory<Value> {
  checkNames(options, ['checkpoint', 'shutdownRequested', ...RUN_OPTIONS], 'batches')
  const { checkpoint, shutdownRequested } = options
  checkPace(checkpoint)
  const isHook = shutdownRequested === undefined || typeof shutdownRequested === 'function'
  checkKind(isHook, 'shutdownRequested to be a function', shutdownRequested)
  return (context) => new BatchesProcessor(channel, context, options)
}

class BatchesProcessor<Value> implements ShardProcessor<Value> {
  readonly #channel: BatchChannel<Value>
  readonly #context: ShardContext
  readonly #pacer: CheckpointPacer | undefined
  readonly #farewell: BatchesOptions['shutdownRequested']
  /** Settled by the checkpoint that leaves nothing open behind the shard's end. */
  #acknowledged: Deferred<void> | undefined

  constructor(channel: BatchChannel<Value>, context: ShardContext, { checkpoint, shutdownRequested }: BatchesOptions) {
    this.#channel = channel
    this.#context = context
    this.#pacer = checkpoint && new CheckpointPacer(context, checkpoint)
    this.#farewell = shutdownRequested
  }

  async initialize(): Promise<void> {}

  async process(records: readonly ConsumerRecord<Value>[], millisBehindLatest: number): Promise<void> {
    const offer = this.#offer(records, millisBehindLatest)
    await this.#untilTaken(offer)
    await this.#context.process(records, () => this.#untilParted(offer))
    const last = records.at(-1)
    if (last !== undefined) this.#pacer?.progress(last, records.length)
  }

  passOver(place: ExtendedSequenceNumber, records: number): void {
    this.#pacer?.progress(place, records)
  }

  async shardEnded(): Promise<void> {
    this.#pacer?.close()
    if (this.#pacer !== undefined || this.#context.checkpointer.isAcknowledged) return
    this.#acknowledged = deferred()
    const { promise } = this.#acknowledged
    const offer = this.#offer([], 0)
    try {
      await Promise.race([promise, this.#untilTaken(offer)])
      await this.#context.watch('shardEnded', async () => {
        // In the loop's hands it is waited for, even when an end is asked for.
        await Promise.race([promise, this.#untilParted(offer)])
        await untilAborted(promise, this.#context.stopping)
      })
    } finally {
      this.#channel.withdraw(offer)
    }
  }

  async settle(): Promise<void> {
    await this.#pacer?.flush()
  }

  async shutdownRequested(reason: ReleaseReason): Promise<void> {
    const { stream, shardId, checkpointer, watch } = this.#context
    try {
      await this.settle()
    } finally {
      const input = { stream, shardId, checkpointer: facing(checkpointer), reason }
      if (this.#farewell !== undefined) await watch('shutdownRequested', () => this.#farewell?.(input))
    }
  }

  async leaseLost(): Promise<void> {}

  #offer(records: readonly ConsumerRecord<Value>[], millisBehindLatest: number): Offer<Value> {
    const { stream, shardId, lost, checkpointer } = this.#context
    const made = deferred<Parting>()
    let parting: Parting | undefined
    const parted: Deferred<Parting> = { ...made, resolve: (way) => made.resolve((parting ??= way)) }
    const last = records.at(-1)
    const batch: Batch<Value> = {
      stream,
      shardId,
      records,
      millisBehindLatest,
      isShardEnd: this.#acknowledged !== undefined,
      lost,
      checkpoint: async (upTo) => {
        if (parting?.kind === 'failed')
          throw new RangeError(
            `Expected a batch of ${shardId} of ${stream} that did not fail, found one that comes again. Checkpoint that one.`,
          )
        if (upTo !== undefined || last === undefined) await checkpointer.checkpoint(upTo)
        else await checkpointer.advance(last)
        if (last === undefined || compareSequenceNumbers(checkpointer.last, last) >= 0) parted.resolve({ kind: 'done' })
        if (checkpointer.isAcknowledged) this.#acknowledged?.resolve()
      },
      fail: (error) => parted.resolve({ kind: 'failed', error }),
    }
    const offer = { batch, taken: deferred<void>(), parted }
    this.#channel.offer(offer)
    return offer
  }

  async #untilTaken(offer: Offer<Value>): Promise<void> {
    try {
      await untilAborted(offer.taken.promise, this.#context.stopping)
    } catch (error) {
      // The loop may have taken it in this very moment: then it is in hand.
      if (this.#channel.withdraw(offer)) throw error
    }
  }

  async #untilParted({ parted }: Offer<Value>): Promise<void> {
    const parting = await parted.promise
    if (parting.kind === 'failed') throw parting.error
    // Nobody failed; it is just not done with, and the worker is about to stop.
    if (parting.kind === 'left') await untilAborted(new Promise<never>(() => {}), this.#context.stopping)
  }
}
