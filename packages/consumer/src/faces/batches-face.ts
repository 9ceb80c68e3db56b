/**
 * The face of `for await (const batch of worker.batches())`: one loop over all shards that the worker holds. The loop's pace
 * rules all readers: a shard has one batch on offer or in the loop's hands, and the next comes when the loop has come back.
 */
import { type Deferred, deferred, untilAborted } from '@millrace/std'
import { compareSequenceNumbers, type ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import { checkNames, RUN_OPTIONS } from '../option-checks.ts'
import type { ConsumerRecord, Place, ShardOfProcessor } from '../record-processor.ts'
import { checkPace, type CheckpointPace, CheckpointPacer } from '../shards/checkpoint-pacer.ts'
import type { ShardContext, ShardProcessor, ShardProcessorFactory } from '../shards/shard-processor.ts'
import type { BatchChannel } from './batch-channel.ts'

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
}

export function batchesFace<Value>(
  channel: BatchChannel<Value>,
  options: BatchesOptions = {},
): ShardProcessorFactory<Value> {
  checkNames(options, ['checkpoint', ...RUN_OPTIONS], 'batches')
  const { checkpoint } = options
  checkPace(checkpoint)
  return (context) => new BatchesProcessor(channel, context, checkpoint)
}

class BatchesProcessor<Value> implements ShardProcessor<Value> {
  readonly #channel: BatchChannel<Value>
  readonly #context: ShardContext
  readonly #pacer: CheckpointPacer | undefined
  /** Settled by the checkpoint that leaves nothing open behind the shard's end. */
  #acknowledged: Deferred<void> | undefined

  constructor(channel: BatchChannel<Value>, context: ShardContext, pace: CheckpointPace | undefined) {
    this.#channel = channel
    this.#context = context
    this.#pacer = pace && new CheckpointPacer(context, pace)
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

  shutdownRequested(): Promise<void> {
    return this.settle()
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
