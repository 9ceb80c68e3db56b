/**
 * Makes metrics of a worker's events. Nothing is measured here but the time between events: what is not told as one cannot be a
 * metric. The dimensions of a series are one object for as long as the shard is held: sinks may know series by it.
 */
import type { Clock } from '@millrace/std'
import type { ShardOfProcessor } from '../record-processor.ts'
import type { RetentionGap } from '../records/retention-gap.ts'
import { failureType } from '../retrieval/read-failure.ts'
import { isFinal, type ShardConsumerState } from '../shards/shard-consumer-state.ts'
import type { StoreCallEvent, WorkerEvent } from '../worker-event.ts'
import { catalog } from './metric-catalog.ts'
import type { Metric, MetricDimensions, MetricLevel, MetricsOptions, MetricsSink } from './metrics-sink.ts'

export interface WorkerMetricsOptions extends MetricsOptions {
  readonly application: string
  readonly worker: string
  readonly leasesMax: number
  readonly clock: Clock
}

/** The dimensions of everything that was recorded under one shard, stream or worker. */
type Series = Map<string, { readonly metric: Metric; readonly dimensions: MetricDimensions }>

interface Shard {
  readonly of: ShardOfProcessor
  readonly series: Series
  readonly takenAtMs: number
  endingAtMs: number
  /** As the answer said that was read last, and when. */
  behindMs: number
  readAtMs: number
  /** User records read, and not yet delivered to their end. */
  pending: number
}

/** A reader that nothing keeps hears of its shard within a second, or five with fan-out. */
const QUIET_MS = 10_000

const LEVELS: readonly MetricLevel[] = ['none', 'summary', 'detailed']

export class WorkerMetrics {
  readonly #sink: MetricsSink
  readonly #level: number
  readonly #perShard: boolean
  readonly #base: { readonly Application: string; readonly WorkerIdentifier: string }
  readonly #leasesMax: number
  readonly #clock: Clock
  readonly #shards = new Map<string, Shard>()
  /** One for each stream that the worker ever had. */
  readonly #streams = new Map<string, Series>()
  readonly #own: Series = new Map()

  constructor({
    sink,
    level = 'detailed',
    perShard = true,
    application,
    worker,
    leasesMax,
    clock,
  }: WorkerMetricsOptions) {
    if (!LEVELS.includes(level)) throw new RangeError(`Expected a level of ${LEVELS.join(', ')}, found ${level}.`)
    this.#sink = sink
    this.#level = LEVELS.indexOf(level)
    this.#perShard = perShard
    this.#base = { Application: application, WorkerIdentifier: worker }
    this.#leasesMax = leasesMax
    this.#clock = clock
  }

  tell(event: WorkerEvent): void {
    switch (event.kind) {
      case 'shard-taken':
        this.#shards.set(keyOf(event), newShard(event, this.#clock.monotonic()))
        return
      case 'state':
        return this.#entered(event, event.from, event.to)
      case 'called':
        return this.#of(event, event.call === 'initialize' ? catalog.initializeTime : catalog.shutdownTime, event.durationMs) // prettier-ignore
      case 'read':
        // Its records are pending when it is opened, which is told next: before that there would seem to be fewer.
        return this.#stands(event, event.millisBehindLatest)
      case 'opened':
        return this.#pends(event, event.records)
      case 'delivered':
        return this.#pends(event, -event.records)
      case 'read-call': {
        const { getRecords, getIterator, expiredIterator } = catalog
        this.#call(event, event.call === 'getRecords' ? getRecords : getIterator, !('error' in event), event.durationMs)
        if (failureType(event.error) === 'ExpiredIteratorException') this.#of(event, expiredIterator, 1)
        return
      }
      case 'read-failure':
        return this.#of(event, catalog.readFailures, 1)
      case 'reader':
        return this.#of(event, catalog.readerConditions, 1, { Condition: event.condition })
      case 'processed':
        this.#of(event, catalog.recordsProcessed, event.records)
        this.#of(event, catalog.dataBytesProcessed, event.bytes)
        return this.#call(event, [catalog.processSuccess, catalog.processRecordsTime], true, event.durationMs)
      case 'failure':
        if (event.call === 'process') this.#of(event, catalog.processSuccess, 0)
        return this.#of(event, catalog.failures, 1, { Outcome: event.next })
      case 'dead-lettered':
        return this.#of(event, catalog.deadLettered, event.records)
      case 'dead-letter-failure':
        return this.#of(event, catalog.deadLetterFailures, 1)
      case 'skipped':
        return this.#of(event, catalog.skipped, event.records)
      case 'dropped':
        return this.#of(event, catalog.dropped, event.records, { Reason: event.reason })
      case 'slow':
        return this.#of(event, catalog.slowCalls, 1)
      case 'shard-left':
        return this.#left(event, event.result.outcome)
      case 'shard-expired':
        return this.#record(this.#streamOf(event.stream), catalog.shardsExpired, 1, { StreamId: event.stream })
      case 'retention-gap':
        return this.#record(this.#streamOf(event.stream), catalog.retentionGaps, 1, { StreamId: event.stream, Outcome: lossOf(event) }) // prettier-ignore
      case 'store-call':
        return this.#stored(event)
      case 'beat':
        this.#mine(catalog.currentLeases, event.held)
        this.#mine(catalog.numWorkers, event.workers)
        this.#mine(catalog.totalLeases, event.leases)
        this.#mine(catalog.expiredLeases, event.unowned)
        this.#mine(catalog.leaseSpillover, event.held >= this.#leasesMax ? event.unowned : 0)
        return this.#tellLags()
      case 'shard-sync':
        return this.#call(undefined, catalog.shardSync, event.error === undefined, event.durationMs)
      case 'holes':
        return this.#record(this.#streamOf(event.stream), catalog.partialLeases, 1, { StreamId: event.stream })
      // Counted as slow already.
      case 'stuck':
      case 'checkpointed':
      case 'stream-gone':
    }
  }

  #entered(shard: ShardOfProcessor, from: ShardConsumerState, to: ShardConsumerState): void {
    const known = this.#shards.get(keyOf(shard))
    if (known === undefined) return
    const nowMs = this.#clock.monotonic()
    const isBegun = to === 'processing'
    if (from === 'starting') this.#call(shard, catalog.initialize, isBegun, nowMs - known.takenAtMs)
    if (isFinal(to)) this.#call(shard, catalog.shutdown, to !== 'failed', nowMs - known.endingAtMs)
    else if (!isBegun && known.endingAtMs < 0) known.endingAtMs = nowMs
  }

  #stands(shard: ShardOfProcessor, behindMs: number): void {
    const known = this.#shards.get(keyOf(shard))
    if (known === undefined) return
    known.behindMs = behindMs
    known.readAtMs = this.#clock.monotonic()
    this.#of(shard, catalog.behindLatest, behindMs)
  }

  /**
   * A lag that nothing more is heard of grows: the reader waits for a slow processor, or the service for nobody. Of the shard
   * it is told when it is not as it was read; what is there to be read, nobody knows then.
   */
  #tellLags(): void {
    const nowMs = this.#clock.monotonic()
    let mostMs = 0
    for (const { of, series, behindMs, readAtMs, pending } of this.#shards.values()) {
      const sinceMs = nowMs - readAtMs
      const lagMs = pending > 0 || sinceMs > QUIET_MS ? behindMs + sinceMs : behindMs
      mostMs = Math.max(mostMs, lagMs)
      if (lagMs > behindMs) this.#of(of, catalog.behindLatest, lagMs)
      if (sinceMs > QUIET_MS) this.#forget(series, seriesKey(catalog.recordsBehindLatest))
    }
    this.#mine(catalog.workerBehindLatest, mostMs)
  }

  #pends(shard: ShardOfProcessor, records: number): void {
    const known = this.#shards.get(keyOf(shard))
    if (known === undefined) return
    known.pending += records
    this.#tellPending(shard, known)
  }

  #tellPending(shard: ShardOfProcessor, { behindMs, pending, series }: Shard): void {
    if (behindMs === 0) this.#of(shard, catalog.recordsBehindLatest, pending)
    else this.#forget(series, seriesKey(catalog.recordsBehindLatest))
  }

  #left(shard: ShardOfProcessor, outcome: string): void {
    this.#record(this.#streamOf(shard.stream), catalog.shardsLeft, 1, { StreamId: shard.stream, Outcome: outcome })
    if (outcome === 'lost') this.#mine(catalog.lostLeases, 1)
    const known = this.#shards.get(keyOf(shard))
    this.#shards.delete(keyOf(shard))
    for (const key of known?.series.keys() ?? []) if (known !== undefined) this.#forget(known.series, key)
  }

  #stored({ call, isAnswered, done, leases, durationMs, shard }: StoreCallEvent): void {
    switch (call) {
      case 'beat':
        this.#mine(catalog.lostLeases, 0)
        return this.#call(undefined, catalog.renewLease, isAnswered, durationMs)
      case 'create':
        return this.#call(undefined, catalog.createLease, isAnswered, durationMs)
      case 'take':
        this.#mine(catalog.leasesToTake, leases)
        this.#mine(catalog.takenLeases, done)
        this.#mine(catalog.untakenLeases, leases - done)
        return this.#call(undefined, catalog.takeLease, isAnswered, durationMs)
      case 'ask':
        return this.#mine(catalog.reassignments, done)
      case 'checkpoint':
        return shard && this.#call(shard, catalog.updateLease, done > 0, durationMs)
      case 'change':
      case 'remove':
      case 'leave':
    }
  }

  /** Of the shard; of the worker itself without one. */
  #call(
    shard: ShardOfProcessor | undefined,
    [success, time]: readonly [success: Metric, time: Metric],
    isDone: boolean,
    durationMs: number,
  ): void {
    const record = (metric: Metric, value: number): void =>
      shard === undefined ? this.#mine(metric, value) : this.#of(shard, metric, value)
    record(success, isDone ? 1 : 0)
    record(time, durationMs)
  }

  #mine(metric: Metric, value: number): void {
    this.#record(this.#own, metric, value, this.#base)
  }

  /** What comes after a shard was left counts for its stream alone: it has no series any more. */
  #of(shard: ShardOfProcessor, metric: Metric, value: number, by: MetricLabels = {}): void {
    const { stream, shardId } = shard
    const series = this.#perShard ? this.#shards.get(keyOf(shard))?.series : undefined
    if (series !== undefined) this.#record(series, metric, value, { StreamId: stream, ShardId: shardId, ...by })
    else if (!this.#perShard && metric.kind !== 'gauge')
      this.#record(this.#streamOf(stream), metric, value, { StreamId: stream, ...by })
  }

  #record(series: Series, metric: Metric, value: number, labels: MetricLabels): void {
    if (LEVELS.indexOf(metric.level) > this.#level) return
    const key = seriesKey(metric, labels)
    let known = series.get(key)
    if (known === undefined) {
      known = { metric, dimensions: { Application: this.#base.Application, Operation: metric.operation, ...labels } }
      series.set(key, known)
    }
    this.#sink.record(metric, value, known.dimensions)
  }

  #forget(series: Series, key: string): void {
    const known = series.get(key)
    if (known === undefined) return
    series.delete(key)
    this.#sink.forget(known.metric, known.dimensions)
  }

  #streamOf(stream: string): Series {
    let series = this.#streams.get(stream)
    if (series === undefined) this.#streams.set(stream, (series = new Map()))
    return series
  }
}

type MetricLabels = Omit<MetricDimensions, 'Application' | 'Operation'>

function lossOf({ isLikely }: RetentionGap): string {
  if (isLikely === undefined) return 'unknown'
  return isLikely ? 'likely' : 'unlikely'
}

function keyOf({ stream, shardId }: ShardOfProcessor): string {
  return `${stream}/${shardId}`
}

function seriesKey(
  { operation, name }: Metric,
  { Outcome = '', Reason = '', Condition = '' }: MetricLabels = {},
): string {
  return `${operation}/${name}/${Outcome}${Reason}${Condition}`
}

function newShard({ stream, shardId }: ShardOfProcessor, nowMs: number): Shard {
  const of = { stream, shardId }
  return { of, series: new Map(), takenAtMs: nowMs, endingAtMs: -1, behindMs: 0, readAtMs: nowMs, pending: 0 }
}
