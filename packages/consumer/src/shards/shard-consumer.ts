/**
 * Runs one held lease: reads its shard, delivers, and brings it to its end. The states are those of
 * `shard-consumer-state.ts`; here is what each is for. Nothing is delivered after `held.lost`; what is in hand when an end is
 * asked for is waited for, within a bound; nothing is left running that this has begun, but for what the application does
 * not return from.
 */
import type { ChildShard } from '@millrace/protocol'
import { assert, type Clock, type Logger, type Random, silentLogger, sleep, untilAborted } from '@millrace/std'
import { noLongerHeld, ShardCheckpointer } from '../checkpointer.ts'
import { compareSequenceNumbers, isShardEnd } from '../extended-sequence-number.ts'
import type { HeldLease, LeaseLostError, ReleaseReason } from '../leases/held-lease.ts'
import type { ConsumerRecord } from '../record-processor.ts'
import type { ShardReader } from '../retrieval/shard-reader.ts'
import { CallWatch } from './call-watch.ts'
import { CheckpointPacer } from './checkpoint-pacer.ts'
import { type Delivery, FailureHandler } from './failure-handler.ts'
import { FailureLog } from './failure-log.ts'
import { InvalidRecord, type OpenedRecord, type OpenRecords } from './invalid-record.ts'
import { Prefetcher } from './prefetcher.ts'
import type { ReadAheadRoom } from './read-ahead-room.ts'
import { ShardConsumerError } from './shard-consumer-error.ts'
import { resolveShardConsumerOptions, type ShardConsumerOptions } from './shard-consumer-options.ts'
import {
  type FinalState,
  isFinal,
  type ShardConsumerEvent,
  type ShardConsumerState,
  transition,
} from './shard-consumer-state.ts'
import type { ProcessorCall, ShardEvent, ShardHappening } from './shard-event.ts'
import type { ShardContext, ShardProcessor, ShardProcessorFactory } from './shard-processor.ts'

export interface ShardConsumerInput<Value> {
  readonly held: HeldLease
  /** Stands at the lease's checkpoint. Disposed of at the end. */
  readonly reader: ShardReader
  readonly open: OpenRecords<Value>
  readonly processor: ShardProcessorFactory<Value>
  readonly clock: Clock
  readonly random: Random
  readonly options?: ShardConsumerOptions | undefined
  /** What all shards of the worker may read ahead. Default: the shard is alone. */
  readonly room?: ReadAheadRoom | undefined
  /** Told what fails. Default: silent. */
  readonly logger?: Logger | undefined
  /** Called for all that happens. Must not throw. */
  readonly onEvent?: ((event: ShardEvent) => void) | undefined
}

export type ShardConsumerResult =
  /** SHARD_END is written. */
  | { readonly outcome: 'ended' }
  /** `isClean`: the processor finished what it had in hand in time, and its last checkpoint did not fail. */
  | { readonly outcome: 'released'; readonly reason: ReleaseReason; readonly isClean: boolean }
  | { readonly outcome: 'lost'; readonly error: LeaseLostError }
  /** A ShardConsumerError, a ShardReadError, a LeaseStoreError, or what the opening of records threw. */
  | { readonly outcome: 'failed'; readonly error: unknown }

export class ShardConsumer<Value> {
  readonly #input: ShardConsumerInput<Value>
  readonly #options
  readonly #checkpointer: ShardCheckpointer
  readonly #failures: FailureHandler
  readonly #log: FailureLog
  readonly #watch: CallWatch
  /** Whatever the face's pace: what the policy disposed of the application has nothing to acknowledge by. */
  readonly #disposals: CheckpointPacer
  /** Made when it is to be initialized: what makes it is the application's, too, and may fail. */
  #processor: ShardProcessor<Value> | undefined
  readonly #prefetcher: Prefetcher<Value>
  #state: ShardConsumerState = 'starting'
  /** Nothing more should begin. */
  readonly #stopping = new AbortController()
  /** What is in hand should not be waited for any more: the lease is gone, it failed, or the time for it has passed. */
  readonly #hasty = new AbortController()
  /** The lease is gone or given up. */
  readonly #gone = new AbortController()
  /** The call of the processor that is not over yet. */
  #inHand: Promise<unknown> = Promise.resolve()
  #children: readonly ChildShard[] = []
  #isReady = false
  #loss: LeaseLostError | undefined
  #failure: { readonly error: unknown } | undefined
  #isClean = true

  constructor(input: ShardConsumerInput<Value>) {
    const { held, clock, random, reader, open, logger = silentLogger } = input
    const { stream, shardId } = held.lease
    this.#input = input
    this.#log = new FailureLog(logger, clock, held.lease)
    this.#options = resolveShardConsumerOptions(input.options ?? {})
    this.#checkpointer = new ShardCheckpointer({
      held,
      clock,
      onStored: (checkpoint, durationMs) => this.#emit({ kind: 'checkpointed', checkpoint, durationMs }),
      onLost: (error) => this.#lose(error),
    })
    this.#disposals = new CheckpointPacer(
      {
        checkpointer: { advance: () => this.#checkpointer.checkpointDisposed() },
        clock,
        lost: this.#gone.signal,
        // Tried again with the next one, and at a release: the application asked for no checkpoint that could fail.
        fail: () => {},
      },
      {},
    )
    const emit = (happening: ShardHappening): void => this.#emit(happening)
    const stopping = this.#stopping.signal
    const policy = this.#options.failure
    this.#failures = new FailureHandler({ policy, shard: { stream, shardId }, clock, random, emit, stopping })
    this.#watch = new CallWatch({
      ...this.#options,
      shard: { stream, shardId },
      clock,
      emit,
      onHung: (error) => this.#fail(error),
    })
    this.#prefetcher = new Prefetcher({
      reader,
      open: (batch) => {
        const opening = open(batch)
        return opening instanceof Promise ? this.#watch.time('schema', () => opening) : opening
      },
      bounds: this.#options.prefetch,
      room: input.room,
      isKeepingEmpty: this.#options.emptyBatches,
      onRead: ({ records, millisBehindLatest }, bytes) =>
        this.#emit({ kind: 'read', records: records.length, bytes, millisBehindLatest }),
      signal: stopping,
    })
  }

  get state(): ShardConsumerState {
    return this.#state
  }

  get #made(): ShardProcessor<Value> {
    assert(this.#processor !== undefined, 'nothing is called before the processor is initialized')
    return this.#processor
  }

  /** Until the shard's end, or until an end is asked for. Called once. Never rejects. */
  async run(): Promise<ShardConsumerResult> {
    const { held } = this.#input
    const onLost = (): void => this.#lose(held.lost.reason as LeaseLostError)
    const onRelease = (): void => this.#release()
    held.lost.addEventListener('abort', onLost, { once: true })
    held.release.addEventListener('abort', onRelease, { once: true })
    if (held.lost.aborted) onLost()
    if (held.release.aborted) onRelease()
    this.#prefetcher.begin()
    let state: ShardConsumerState = this.#state
    while (!isFinal(state)) {
      const event: ShardConsumerEvent = await this.#act(state)
      state = this.#enter(transition(state, event))
    }
    this.#giveUp('its shard consumer has come to an end')
    this.#stopping.abort()
    this.#watch.end()
    // A reader that cannot be closed takes nothing from what was processed.
    await Promise.allSettled([this.#prefetcher.ended()])
    held.lost.removeEventListener('abort', onLost)
    held.release.removeEventListener('abort', onRelease)
    return this.#result(state)
  }

  async #act(state: Exclude<ShardConsumerState, FinalState>): Promise<ShardConsumerEvent> {
    try {
      return await this.#acts[state]()
    } catch (error) {
      if (this.#loss !== undefined) return 'loss'
      if (this.#failure === undefined && this.#input.held.release.aborted) return 'release'
      this.#fail(error)
      return 'failure'
    }
  }

  readonly #acts: Record<Exclude<ShardConsumerState, FinalState>, () => Promise<ShardConsumerEvent>> = {
    starting: async () => {
      const { stream, shardId, checkpoint, pending } = this.#input.held.lease
      const input = { stream, shardId, checkpoint, pending }
      const initialize = async (): Promise<void> => {
        this.#processor ??= this.#input.processor(this.#context())
        await this.#processor.initialize(input)
        this.#isReady = true
      }
      await this.#takeInHand(this.#failures.insist('initialize', initialize), this.#stopping.signal)
      return 'started'
    },

    processing: async () => {
      for (;;) {
        const { records, millisBehindLatest, isEnd, children } = await this.#prefetcher.take()
        await this.#takeInHand(this.#deliver(records, millisBehindLatest), this.#stopping.signal)
        this.#prefetcher.done()
        this.#emit({ kind: 'delivered', records: records.length })
        if (!isEnd) continue
        this.#children = children
        return 'drained'
      }
    },

    ending: async () => {
      this.#checkpointer.reachEnd(this.#children)
      await this.#takeInHand(
        this.#failures.insist('shardEnded', () => this.#made.shardEnded()),
        this.#hasty.signal,
      )
      await untilAborted(this.#checkpointer.checkpoint(), this.#hasty.signal)
      return 'completed'
    },

    releasing: async () => {
      const reason = this.#input.held.release.reason as ReleaseReason
      this.#isClean = false
      try {
        await untilAborted(this.#settledInHand(), this.#hasty.signal)
        const farewell = this.#once('shutdownRequested', () => this.#made.shutdownRequested(reason))
        const isSettled = await this.#takeInHand(farewell, this.#hasty.signal)
        await untilAborted(this.#checkpointer.checkpointDisposed(), this.#hasty.signal)
        this.#isClean = isSettled
      } catch (error) {
        if (this.#loss !== undefined || this.#failure !== undefined) throw error
        // Its time is over: nothing that the application may not return from holds up what was asked for.
      }
      return isShardEnd(this.#checkpointer.stored) ? 'completed' : 'finished'
    },

    losing: async () => {
      await this.#withinFinishMs(this.#leaseLost())
      return 'finished'
    },

    failing: async () => {
      const isHung = this.#failure?.error instanceof ShardConsumerError && this.#failure.error.code === 'processor-hung'
      if (!isHung) await this.#withinFinishMs(this.#settle())
      this.#giveUp('its shard consumer failed')
      if (!isHung) await this.#withinFinishMs(this.#leaseLost())
      return 'finished'
    },
  }

  async #settle(): Promise<void> {
    await this.#settledInHand()
    // It failed already, and that is what is told.
    if (this.#isReady) await Promise.allSettled([this.#made.settle()])
    await Promise.allSettled([this.#checkpointer.checkpointDisposed()])
  }

  async #leaseLost(): Promise<void> {
    await this.#settledInHand()
    await this.#once('leaseLost', () => this.#made.leaseLost())
  }

  /** A processor that was not told where it begins is not told where it ends. */
  async #once(call: ProcessorCall, run: () => Promise<void>): Promise<boolean> {
    return !this.#isReady || (await this.#failures.attemptOnce(call, run))
  }

  /** All records of one answer of the reader, in order. */
  async #deliver(opened: readonly OpenedRecord<Value>[], millisBehindLatest: number): Promise<void> {
    const delivery = this.#delivery(millisBehindLatest)
    if (opened.length === 0 && this.#options.emptyBatches) await this.#failures.deliver([], delivery)
    let run: ConsumerRecord<Value>[] = []
    const deliverRun = async (): Promise<void> => {
      const records = run
      run = []
      if (records.length > 0) await this.#failures.deliver(records, delivery)
    }
    let invalid: InvalidRecord[] = []
    const refuseRun = async (): Promise<void> => {
      const refused = invalid
      invalid = []
      if (refused.length > 0) await this.#failures.refuse(refused, delivery)
    }
    for (const record of opened) {
      if (record instanceof InvalidRecord) {
        await deliverRun()
        invalid.push(record)
      } else {
        await refuseRun()
        if (run.push(record) === this.#options.batchRecordsMax) await deliverRun()
      }
    }
    await refuseRun()
    await deliverRun()
  }

  #delivery(millisBehindLatest: number): Delivery<ConsumerRecord<Value>> {
    const checkpointer = this.#checkpointer
    return {
      attempt: async (records) => {
        const before = checkpointer.delivered
        const last = records.at(-1)
        if (last !== undefined) checkpointer.deliver(last)
        try {
          await this.#made.process(records, millisBehindLatest)
        } catch (error) {
          const { inHand = before } = this.#made
          checkpointer.withdrawTo(compareSequenceNumbers(inHand, before) > 0 ? inHand : before)
          throw error
        }
        this.#input.held.delivered(bytesOf(records))
      },
      remaining: (records) => records.filter((record) => compareSequenceNumbers(record, checkpointer.last) > 0),
      passOver: (records) => {
        const last = records.at(-1)
        if (last === undefined) return
        checkpointer.passOver(last)
        this.#made.passOver(last, records.length)
        this.#disposals.progress(last, records.length)
      },
    }
  }

  /** Remembers it as what is in hand, and waits for it unless the signal says not to. */
  #takeInHand<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.#inHand = work
    return untilAborted(work, signal)
  }

  async #settledInHand(): Promise<void> {
    await Promise.allSettled([this.#inHand])
  }

  async #withinFinishMs(work: Promise<void>): Promise<void> {
    const over = new AbortController()
    const bound = sleep(this.#input.clock, this.#options.finishMs, over.signal).catch(() => {})
    await Promise.race([work, bound])
    over.abort()
  }

  #lose(reason: LeaseLostError): void {
    this.#loss ??= reason
    this.#checkpointer.close(reason)
    this.#gone.abort(reason)
    this.#stopping.abort(reason)
    this.#hasty.abort(reason)
  }

  #release(): void {
    const { clock, held } = this.#input
    this.#stopping.abort(held.release.reason)
    void sleep(clock, held.releaseMs ?? this.#options.finishMs, this.#gone.signal).then(
      () => this.#hasty.abort(held.release.reason),
      () => {},
    )
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stopping.abort(error)
    this.#hasty.abort(error)
  }

  #giveUp(why: string): void {
    if (this.#gone.signal.aborted) return
    const reason = noLongerHeld(this.#input.held.lease, why)
    this.#checkpointer.close(reason)
    this.#gone.abort(reason)
  }

  #enter(to: ShardConsumerState): ShardConsumerState {
    const from = this.#state
    this.#state = to
    if (from !== to) this.#emit({ kind: 'state', from, to })
    return to
  }

  #result(state: FinalState): ShardConsumerResult {
    const { release } = this.#input.held
    if (state === 'released') return { outcome: state, reason: release.reason as ReleaseReason, isClean: this.#isClean }
    if (state === 'lost' && this.#loss !== undefined) return { outcome: state, error: this.#loss }
    if (state === 'ended') return { outcome: state }
    return { outcome: 'failed', error: this.#failure?.error }
  }

  #emit(happening: ShardHappening): void {
    const { stream, shardId } = this.#input.held.lease
    this.#input.onEvent?.({ stream, shardId, ...happening })
    this.#log.tell(happening)
  }

  #context(): ShardContext {
    const { stream, shardId } = this.#input.held.lease
    return {
      stream,
      shardId,
      clock: this.#input.clock,
      checkpointer: this.#checkpointer,
      failures: this.#failures,
      stopping: this.#stopping.signal,
      lost: this.#gone.signal,
      watch: (call, run) => this.#watch.time(call, run),
      process: (records, run) => this.#process(records, run),
      fail: (error) => this.#fail(error),
    }
  }

  async #process(records: readonly ConsumerRecord<unknown>[], run: () => void | Promise<void>): Promise<void> {
    const begin = this.#input.clock.monotonic()
    await this.#watch.time('process', run)
    const durationMs = this.#input.clock.monotonic() - begin
    this.#emit({ kind: 'processed', records: records.length, bytes: bytesOf(records), durationMs })
  }
}

function bytesOf(records: readonly ConsumerRecord<unknown>[]): number {
  return records.reduce((sum, { data }) => sum + data.byteLength, 0)
}
