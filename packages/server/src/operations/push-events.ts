/**
 * What one subscription is sent: the records of its shard as they come, at its own pace. It reads when its bell rings,
 * never on the chance, and only when the last event was taken: who stops reading holds one event, and slows nobody.
 */
import {
  encodeSequenceNumber,
  INDEX_MAX,
  KinesisError,
  shardIdOf,
  startingSequenceNumber,
  SUBSCRIPTION_LIFE_MS,
  type SubscribeToShardEvent,
} from '@millrace/protocol'
import { type Clock, type Timer, TokenBucket } from '@millrace/std'

import { comparePositions, EngineError } from '../engine/engine.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'
import { isServing, type Stream, type StreamKey } from '../streams/stream.ts'
import type { ConsumerLabel } from '../telemetry/service-metrics.ts'
import { consumerArnNotFound, type ConsumerKey, findConsumer } from './consumer-lookup.ts'
import { internalFailure, streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { millisBehind, type PageRecords, readPage, type RecordPage } from './record-page.ts'
import { describeChildren } from './shard-description.ts'
import type { StartingPlace } from './starting-position.ts'
import type { Subscription } from './subscriptions.ts'

/** Records are values, or written already in JSON. */
export type PushedEvent = Omit<SubscribeToShardEvent, 'Records'> & { readonly Records: PageRecords }

export interface PushOptions {
  /** As it was when the subscription began. */
  readonly stream: Stream
  readonly shard: Shard
  readonly consumer: ConsumerKey
  readonly consumerArn: string
  readonly label: ConsumerLabel
  readonly start: StartingPlace
  readonly subscription: Subscription
}

/** Clients give up after 10 s of silence; AWS says something about every 5 s. */
const SILENCE_MAX_MS = 4_500
/** Data and keys of one event, unless it is one larger record: as many as an HTTP/2 session may have find room in it. */
const EVENT_BYTES_MAX = 256 * 1024
const EVENT_RECORDS_MAX = 10_000
/** A spent rate is saved up to this before it is used again: some events of a size rather than many small ones. */
const SAVED_BYTES = 256 * 1024
/** A disk that does not answer in this time ends the subscription, and its client comes back. */
const READ_DEADLINE_MS = 20_000

/** Ends after five minutes, at the end of the shard, or when nobody reads any more; throws a KinesisError for all else. */
export async function* pushEvents(
  options: PushOptions,
  service: ServiceParts,
  context: OperationContext,
): AsyncGenerator<PushedEvent, void, undefined> {
  const { shard, subscription, label } = options
  const { clock, metrics } = service
  const bell = service.wakeUps.hang(shard.ref, options.stream)
  subscription.onChange = () => bell.ring()
  const startedMs = clock.monotonic()
  const endsAtMs = startedMs + SUBSCRIPTION_LIFE_MS
  const allowance = new Allowance(service.throughput.subscriptionBytes, startedMs)
  let place = options.start
  let behindMs = 0
  // The first event comes at once: it tells where to go on from.
  let speaksAtMs = startedMs
  let reading: Promise<RecordPage> | undefined
  subscription.begin()
  try {
    while (subscription.state !== 'over') {
      bell.clear()
      const stream = standing(options, service)
      const nowMs = clock.monotonic()
      if (nowMs >= endsAtMs) return
      const bytes = Math.min(allowance.available(nowMs), EVENT_BYTES_MAX)
      if (bytes > 0) reading ??= read({ stream, shard, place, bytes }, service, context)
      // A slow disk is no reason to say nothing: then it is read on.
      const page = await inTime(reading, clock, speaksAtMs - nowMs)
      if (page !== undefined) reading = undefined
      let moved = false
      if (page !== undefined) {
        allowance.charge(page.bytes, clock.monotonic())
        behindMs = millisBehind(page, clock.now())
        moved = comparePositions(page.next, place.position) > 0
        if (moved) place = { position: page.next, timeMs: Math.max(place.timeMs, page.lastMs) }
      }
      // Children are told of only once they are there: until the reshard commits, a closed parent looks like an idle one.
      const children = page?.ended === true ? describeChildren(stream, shard.number) : []
      const records = page?.count ?? 0
      if (records > 0 || children.length > 0 || clock.monotonic() >= speaksAtMs) {
        metrics.push(label, { records, bytes: page?.bytes ?? 0, behindMs })
        yield {
          ...(children.length > 0
            ? { ChildShards: children }
            : { ContinuationSequenceNumber: numberBefore(place, shard) }),
          MillisBehindLatest: behindMs,
          Records: page?.records ?? [],
        }
        if (children.length > 0) return
        speaksAtMs = clock.monotonic() + SILENCE_MAX_MS
      }
      if (moved && page?.atTip === false) continue
      const untilMs = Math.min(speaksAtMs, endsAtMs, page === undefined ? allowance.savedAtMs(nowMs) : Infinity)
      if (reading === undefined) await bell.wait(clock, untilMs - clock.monotonic())
    }
  } catch (error) {
    throw failureOf(error, options, service, context)
  } finally {
    bell[Symbol.dispose]()
    subscription.end()
    // Nobody waits for it any more, whatever becomes of it.
    reading?.catch(() => undefined)
  }
}

/** The stream, as long as the consumer may be sent its records. */
function standing(
  { stream: before, consumer, consumerArn, shard, subscription }: PushOptions,
  service: ServiceParts,
): Stream {
  if (subscription.state === 'taken-over') throw subscriptionTaken(before, shard, consumer.name)
  const stream = service.catalog.find(before)
  if (stream === undefined || findConsumer(stream, consumer)?.status !== 'ACTIVE')
    throw consumerArnNotFound(consumerArn, before.account)
  if (!isServing(stream)) throw streamNotFound(stream)
  return stream
}

interface ReadRequest {
  readonly stream: Stream
  readonly shard: Shard
  readonly place: StartingPlace
  readonly bytes: number
}

/** Events are JSON whatever the call was. What is encoded is shared with others; values are the caller's own. */
function read(
  { stream, shard, place, bytes }: ReadRequest,
  service: ServiceParts,
  { requestId, codec }: OperationContext,
): Promise<RecordPage> {
  const request = { stream, shard, from: place.position, records: EVENT_RECORDS_MAX, bytes, isForOne: false as const }
  const deadlineMs = service.clock.monotonic() + READ_DEADLINE_MS
  if (codec === undefined) return readPage(request, service, { requestId, deadlineMs })
  return service.sharedReads.read(request, () => readPage(request, service, { requestId, deadlineMs, codec: 'json' }))
}

/** What comes of it within `delayMs`; the first time, before anything was said, however long it takes. */
async function inTime<T>(promise: Promise<T> | undefined, clock: Clock, delayMs: number): Promise<T | undefined> {
  if (promise === undefined || delayMs <= 0) return promise
  let timer: Timer | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = clock.setTimer(delayMs, () => resolve(undefined), { unref: true })
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    timer?.cancel()
  }
}

/** The rate of one subscription, with a burst of one second. */
class Allowance {
  readonly #rate: number
  readonly #bucket: TokenBucket | undefined

  /** `rate`: bytes per second; `Infinity`: as many as there are. */
  constructor(rate: number, nowMs: number) {
    this.#rate = rate
    this.#bucket = rate === Infinity ? undefined : new TokenBucket(rate, rate, nowMs)
  }

  /** 0 while it is being saved. */
  available(nowMs: number): number {
    const bytes = this.#bucket?.available(nowMs) ?? Infinity
    return bytes < this.#savedBytes ? 0 : Math.floor(bytes)
  }

  charge(bytes: number, nowMs: number): void {
    this.#bucket?.charge(bytes, nowMs)
  }

  /** When there will be some again. */
  savedAtMs(nowMs: number): number {
    const missing = this.#savedBytes - (this.#bucket?.available(nowMs) ?? Infinity)
    return nowMs + Math.max(1, (missing / this.#rate) * 1000)
  }

  get #savedBytes(): number {
    return Math.min(SAVED_BYTES, this.#rate)
  }
}

/** The number just below the next record to come: the last record's, or one that no record has. */
function numberBefore({ position: { commit, index }, timeMs }: StartingPlace, shard: Shard): string {
  const identity = { birthS: shard.birthS, shard: shard.number }
  const timeS = recordSecond(shard, timeMs)
  if (index > 0) return encodeSequenceNumber({ ...identity, commit, index: index - 1, timeS })
  if (commit === 0) return startingSequenceNumber(identity)
  return encodeSequenceNumber({ ...identity, commit: commit - 1, index: INDEX_MAX, timeS })
}

export function subscriptionTaken({ account, name }: StreamKey, { number }: Shard, consumer: string): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `Another active subscription exists for this consumer: ${account}:${name}:${shardIdOf(number)}:${consumer}`,
  )
}

function failureOf(
  error: unknown,
  { label, shard }: PushOptions,
  { logger, reports }: ServiceParts,
  { requestId }: OperationContext,
): unknown {
  if (!(error instanceof EngineError)) return error
  reports.report(`SubscribeToShard ${error.code} ${error.message}`, (heldBack) => {
    logger.warn('a subscription failed', {
      requestId,
      ...label,
      shardId: shardIdOf(shard.number),
      code: error.code,
      reason: error.message,
      ...(heldBack === 0 ? {} : { heldBack }),
    })
  })
  return internalFailure()
}
