/**
 * A worker of an application: takes its share of the shards, reads and processes them, and hands them on. Composition only:
 * who gets what is `leases/lease-coordinator.ts`, what becomes of a shard `shards/shard-consumer.ts`.
 */
import { hostname } from 'node:os'
import { silentLogger, sleep, systemClock, systemRandom, withAnySignal } from '@millrace/std'
import { errorText } from './dead-letters/error-text.ts'
import { BatchChannel } from './faces/batch-channel.ts'
import { type Batch, batchesFace, type BatchesOptions } from './faces/batches-face.ts'
import { eachFace, type EachOptions, type RecordHandler } from './faces/each-face.ts'
import {
  recordProcessorFace,
  type RecordProcessorFactory,
  type RecordProcessorOptions,
} from './faces/record-processor-face.ts'
import type { HeldLease } from './leases/held-lease.ts'
import type { Lease } from './leases/lease.ts'
import type { ConsumeResult } from './leases/coordinator-options.ts'
import { isLatestWithoutTime, latestAsOf } from './leases/latest.ts'
import { LeaseCoordinator } from './leases/lease-coordinator.ts'
import { LeaseStoreError } from './leases/lease-store.ts'
import type { LeaseTable } from './leases/lease-table.ts'
import { toldLeaseStore } from './metrics/told-lease-store.ts'
import { WorkerMetrics } from './metrics/worker-metrics.ts'
import { readPositionOf } from './records/read-position.ts'
import { logGap, type RetentionGap, RetentionGaps } from './records/retention-gap.ts'
import { UserRecords } from './records/user-records.ts'
import { polling } from './retrieval/retrieval.ts'
import { type Retrieval, ShardReadError } from './retrieval/shard-reader.ts'
import { timeOf } from './service.ts'
import type { OpenRecords } from './shards/invalid-record.ts'
import { ReadAheadRoom } from './shards/read-ahead-room.ts'
import { ShardConsumer } from './shards/shard-consumer.ts'
import { TIMER_MS_MAX } from './shards/shard-consumer-options.ts'
import { ShardConsumerError } from './shards/shard-consumer-error.ts'
import type { ShardProcessorFactory } from './shards/shard-processor.ts'
import { ShardSync } from './shards/shard-sync.ts'
import type { ShardSyncError } from './shards/shard-sync-error.ts'
import type { WorkerEvent } from './worker-event.ts'
import { StreamNames } from './stream-names.ts'
import { leasesOf, resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

export interface StopOptions {
  /** How long shards may take to finish what is in hand, ms; then their leases are given up without. Default: the worker's `finishMs`. */
  readonly drainMs?: number
}

export interface RunOptions {
  /** Stops the worker, as `stop` does. */
  readonly signal?: AbortSignal | undefined
  /** Process signals that stop the worker, as `stop` does. Default: none. */
  readonly stopOn?: readonly NodeJS.Signals[] | undefined
}

/** For the shards of a worker that ends by an error. */
const DRAIN_MS = 30_000
const READ_AHEAD_BYTES_MAX = 256 * 1024 * 1024
/** Before a shard is tried again that the service says is not there, though its stream is. */
const GONE_MS = 10_000

/**
 * ```ts
 * await using worker = new Worker({ client, application: 'billing', stream: 'orders', leases })
 * for await (const batch of worker.batches()) {
 *   await bill(batch.records)
 *   await batch.checkpoint() // At least once: a crash before this line delivers the batch again.
 * }
 * ```
 */
export class Worker<Value = Uint8Array> implements AsyncDisposable {
  readonly id: string
  readonly #options: WorkerOptions<Value>
  readonly #clock
  readonly #random
  readonly #finishMs
  readonly #metrics: WorkerMetrics | undefined
  readonly #retrieval: Retrieval
  readonly #room: ReadAheadRoom
  readonly #coordinator: LeaseCoordinator
  readonly #names: StreamNames
  readonly #sync: ShardSync
  readonly #syncing = new AbortController()
  #face: ShardProcessorFactory<Value> | undefined
  #running: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** A TypeError for options that are missing or of another kind, a RangeError for those that are no sensible choice. */
  constructor(options: WorkerOptions<Value>) {
    const { application, client, metrics, clock = systemClock, random = systemRandom, logger = silentLogger } = options
    const { stream } = options
    const { balance, capacity, leasesMax, failoverMs, beatMs, handoverMs, shardSyncMs, finishMs, initialPosition } =
      resolveWorkerOptions(options)
    this.#options = options
    this.#room = new ReadAheadRoom(options.prefetch?.workerBytesMax ?? READ_AHEAD_BYTES_MAX)
    this.#clock = clock
    this.#random = random
    this.#finishMs = finishMs
    this.id = options.workerId ?? `${hostname()}-${process.pid}-${Buffer.from(random.bytes(4)).toString('hex')}`
    this.#metrics = metrics && new WorkerMetrics({ ...metrics, application, worker: this.id, leasesMax, clock })
    const store = leasesOf(options)
    const leases = toldLeaseStore(store, this.id, clock, (event) => this.#emit(event))
    this.#names = new StreamNames({ region: client.region, account: store.account })
    this.#retrieval = (options.retrieval ?? polling())({
      application,
      service: client,
      clock,
      random,
      logger,
      onCondition: ({ stream: name, shardId }, condition) =>
        this.#emit({ kind: 'reader', stream: name, shardId, condition }),
      onCall: ({ stream: name, shardId }, call, durationMs, failure) =>
        this.#emit({ kind: 'read-call', stream: name, shardId, call, durationMs, ...failure }),
    })
    this.#coordinator = new LeaseCoordinator({
      worker: this.id,
      store: leases,
      consume: (held) => this.#consume(held),
      balance,
      leasesMax,
      capacity,
      ttlMs: failoverMs,
      beatMs,
      handoverMs,
      clock,
      random,
      logger,
      suits: (lease) => this.#sync.suits(lease),
      onBeat: (table) => {
        this.#sync.joined()
        this.#tellBeat(table)
      },
      onLeaveFailure: (error) => this.#emit({ kind: 'leave-failure', error }),
    })
    this.#sync = new ShardSync({
      worker: this.id,
      service: client,
      store: this.#coordinator.store,
      table: this.#coordinator.table,
      streams: typeof stream === 'string' ? [stream] : stream,
      names: this.#names,
      initial: initialPosition,
      intervalMs: shardSyncMs,
      refresh: () => this.#coordinator.refresh(),
      onChange: () => this.#coordinator.reconsider(),
      clock,
      random,
      logger,
      onLook: (durationMs, failure) => this.#emit({ kind: 'shard-sync', durationMs, ...failure }),
      onStreamAbsent: (name) => {
        logger.warn('the service does not have a stream: its shards are left to other workers', { stream: name })
        this.#emit({ kind: 'stream-absent', stream: name })
      },
      onStreamGone: (name) => this.#emit({ kind: 'stream-gone', stream: name }),
      onHoles: (name, holes) => this.#emit({ kind: 'holes', stream: name, holes: holes.length }),
    })
  }

  /**
   * Processes with a `RecordProcessor` for each shard until the worker is stopped. Rejects with a `LeaseStoreError` that does
   * not pass, or (`unavailable`) when its store has not answered once for a minute, and with a `ShardSyncError` where its first looks at the streams are refused for good, at all that are there, or find none
   * of those that are named; when its shards have come to their ends, 30 s later at the latest. A worker runs once.
   */
  run(factory: RecordProcessorFactory<Value>, options: RecordProcessorOptions & RunOptions = {}): Promise<void> {
    return this.#run(recordProcessorFace(factory, options), options)
  }

  /** Processes with a handler for each record, many at a time, those of one key in order. Otherwise as `run`. */
  each(handler: RecordHandler<Value>, options: EachOptions<Value> & RunOptions = {}): Promise<void> {
    return this.#run(eachFace(handler, options), options)
  }

  /**
   * The batches of all shards that the worker holds, at the loop's pace. The worker runs from when the loop begins. Leaving the loop
   * stops it, and so does the signal. Throws where `run` rejects.
   */
  batches(options: BatchesOptions & RunOptions = {}): AsyncIterable<Batch<Value>> {
    const { signal, stopOn } = options
    const begin = (): void =>
      void this.#run(batchesFace(channel, options), { stopOn }).then(
        () => channel.end(),
        (error: unknown) => channel.end({ error }),
      )
    const channel = new BatchChannel<Value>({ signal, onOpen: begin, onClose: () => this.stop() })
    return channel
  }

  /** Shards that this worker processes now, as `<stream>:<creation second>:<shard id>`. */
  get held(): readonly string[] {
    return this.#coordinator.held
  }

  /**
   * Finishes what is in hand, gives the leases up, so that others have them at once, and ends. Twice is fine: the first time holds.
   * In a processor, a handler or the loop over `batches` call it without `await`: it would wait for them, and they for it, for `drainMs`.
   */
  stop({ drainMs = this.#finishMs }: StopOptions = {}): Promise<void> {
    if (!(drainMs >= 0 && drainMs <= TIMER_MS_MAX))
      throw new RangeError(`Expected drainMs to be from 0 to ${TIMER_MS_MAX}, found ${drainMs}.`)
    this.#stopping ??= this.#stop(drainMs)
    return this.#stopping
  }

  /** As if the process had died: nothing more is stored, nothing is given up. For tests of what a crash does. */
  abandon(): void {
    this.#syncing.abort(new Error('The worker was abandoned.'))
    this.#coordinator.abandon()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #run(face: ShardProcessorFactory<Value>, { signal, stopOn = [] }: RunOptions): Promise<void> {
    if (this.#face !== undefined) throw new Error('The worker runs already: make another one for another run.')
    this.#face = face
    const stop = (): void => void this.stop()
    signal?.addEventListener('abort', stop, { once: true })
    for (const name of stopOn) process.once(name, stop)
    this.#running = this.#runUntilStopped().finally(() => {
      signal?.removeEventListener('abort', stop)
      for (const name of stopOn) process.off(name, stop)
    })
    if (signal?.aborted === true) stop()
    return this.#running
  }

  async #runUntilStopped(): Promise<void> {
    let refusal: ShardSyncError | undefined
    const syncing = this.#sync.run(this.#syncing.signal).catch(async (error: ShardSyncError) => {
      if (error.cause instanceof LeaseStoreError) return this.#coordinator.fail(error)
      refusal = error
      // The leases are this worker's, and their store works: what is in hand is finished.
      await this.stop({ drainMs: Math.min(this.#finishMs, DRAIN_MS) })
    })
    try {
      await this.#coordinator.run()
    } catch (error) {
      // What was begun is not left running behind a promise that is settled.
      await this.#coordinator.stop(DRAIN_MS)
      throw error
    } finally {
      this.#syncing.abort(new Error('The worker was stopped.'))
      await syncing
      await this.#stopping
      await this.#retrieval[Symbol.asyncDispose]()
    }
    if (refusal !== undefined) throw refusal
  }

  async #stop(drainMs: number): Promise<void> {
    this.#syncing.abort(new Error('The worker was stopped.'))
    await this.#coordinator.stop(drainMs)
  }

  async #consume(held: HeldLease): Promise<ConsumeResult> {
    const isForeign = (signal: AbortSignal): Promise<boolean> => this.#sync.isForeign(held.lease, signal)
    if (await withAnySignal([held.lost, held.release], isForeign)) return 'declined'
    // Of a KCL or of somebody else: until the first checkpoint every owner is to begin where this one does.
    if (isLatestWithoutTime(held.lease)) await held.beginAt(latestAsOf(timeOf(this.#options.client, this.#clock)))
    const { stream, shardId, checkpoint, startTimeMs } = held.lease
    const position = readPositionOf(checkpoint, startTimeMs, this.#options.initialPosition)
    if (position === undefined || this.#face === undefined) return 'ended'
    this.#emit({ kind: 'shard-taken', stream, shardId })
    const consumer = new ShardConsumer<Value>({
      held,
      reader: this.#retrieval.open({
        stream,
        streamArn: this.#names.arnOf(stream),
        shardId,
        position,
        onTrouble: (error) => this.#emit({ kind: 'read-failure', stream, shardId, error }),
      }),
      open: this.#opening(held),
      processor: this.#face,
      clock: this.#clock,
      random: this.#random,
      options: this.#options,
      room: this.#room,
      logger: this.#options.logger,
      onEvent: (event) => this.#emit(event),
    })
    const result = await consumer.run()
    this.#emit({ kind: 'shard-left', stream, shardId, result })
    return result.outcome === 'failed' ? this.#failed(held, result.error) : result.outcome
  }

  /**
   * What the failure policy ends stays ended, for everybody, until somebody resumes it. What this worker alone may be at fault
   * for, as a processor that hangs or a right that it does not have, is left to others.
   */
  #failed(held: HeldLease, error: unknown): ConsumeResult | Promise<ConsumeResult> {
    if (error instanceof ShardConsumerError && error.code === 'processing-failed') {
      const { application } = this.#options
      const resume = `millrace app resume ${application} --shard ${held.lease.shardId}`
      this.#logFailure(held, error, `The shard is paused for all workers. Mend what failed, then: ${resume}`)
      return 'failed'
    }
    if (error instanceof ShardReadError && error.code === 'gone')
      return withAnySignal([held.lost, held.release], (signal) => this.#gone(held, error, signal))
    return this.#decline(held, error)
  }

  #decline(held: HeldLease, error: unknown): 'declined' {
    this.#logFailure(held, error, 'The shard is left to other workers for a while, and then tried again.')
    return 'declined'
  }

  /** The service says that there is no such shard: there is none any more, or only this worker is told so. */
  async #gone(held: HeldLease, error: ShardReadError, signal: AbortSignal): Promise<ConsumeResult> {
    // Another look may be refused, or too late.
    const gone = await this.#sync.confirmGone(held.lease, signal).catch(() => 'neither')
    if (gone === 'stream') return this.#decline(held, error)
    if (gone === 'shard') {
      const { stream, shardId, checkpoint } = held.lease
      await held.end([])
      this.#options.logger?.error(
        'a shard is older than the retention: what it had behind its checkpoint was not processed',
        {
          stream,
          shardId,
          checkpoint: checkpoint.sequenceNumber,
          next: 'The shard is ended for good. Have workers keep up with the stream, or make its retention longer.',
        },
      )
      this.#emit({ kind: 'shard-expired', stream, shardId, checkpoint })
      return 'ended'
    }
    this.#logFailure(held, error, 'The shard is there, and tried again in a moment.')
    await sleep(this.#clock, GONE_MS, signal).catch(() => undefined)
    return held.release.aborted ? 'released' : 'lost'
  }

  #logFailure({ lease }: HeldLease, error: unknown, next: string): void {
    const cause = error instanceof Error && error.cause !== undefined ? { cause: errorText(error.cause) } : {}
    const message = error instanceof Error ? error.message : String(error)
    this.#options.logger?.error('a shard is not processed any more', {
      lease: lease.key,
      error: message,
      ...cause,
      next,
    })
  }

  #opening({ lease }: HeldLease): OpenRecords<Value> {
    const { schema, keepsOutOfRange } = this.#options
    const { stream, shardId, hashKeyRange, checkpoint } = lease
    const gaps = new RetentionGaps({
      lease,
      now: () => timeOf(this.#options.client, this.#clock),
      retentionMs: () => this.#sync.retentionMs(stream),
    })
    const records = new UserRecords<Value>({
      hashKeyRange,
      checkpoint,
      schema,
      keepsOutOfRange,
      onDropped: (reason, count) => this.#emit({ kind: 'dropped', stream, shardId, reason, records: count }),
    })
    const tell = (opened: Awaited<ReturnType<OpenRecords<Value>>>): typeof opened => {
      this.#emit({ kind: 'opened', stream, shardId, records: opened.length })
      return opened
    }
    return (batch) => {
      const gap = gaps.see(batch)
      if (gap !== undefined) this.#tellGap(lease, gap)
      const opened = records.open(batch)
      return opened instanceof Promise ? opened.then(tell) : tell(opened)
    }
  }

  #tellGap({ stream, shardId }: Lease, gap: RetentionGap): void {
    this.#emit({ kind: 'retention-gap', stream, shardId, ...gap })
    logGap({ stream, shardId }, gap, this.#options.logger)
  }

  #tellBeat(table: LeaseTable): void {
    if (this.#options.onEvent === undefined && this.#metrics === undefined) return
    let unowned = 0
    for (const lease of table.leases())
      if (!lease.paused && this.#sync.isListed(lease.stream) && table.isReady(lease) && !table.isLive(lease.owner))
        unowned++
    const { held } = this.#coordinator
    this.#emit({ kind: 'beat', workers: table.workers.length, leases: table.size, held: held.length, unowned })
  }

  #emit(event: WorkerEvent): void {
    this.#metrics?.tell(event)
    this.#options.onEvent?.(event)
  }
}
