/**
 * Reads one shard by SubscribeToShard: its records are pushed. A subscription lasts five minutes; the next goes on where
 * the last event stood, also one that held nothing. Whoever subscribes as the same consumer takes over, though not within
 * five seconds of the last subscription: after a handover that is waited for.
 */
import { SUBSCRIPTION_TAKEOVER_MS, type SubscribeToShardEvent, type SubscribeToShardInput } from '@millrace/protocol'
import { sleep } from '@millrace/std'
import { unlessTooEarly, untilBeginTime } from './begin-time.ts'
import type { ConsumerRegistrations } from './consumer-registrations.ts'
import { failureType, ReadTrouble, Troubles } from './read-failure.ts'
import type { ReaderContext } from './reader-context.ts'
import { isFamily, listChildren } from './shard-end.ts'
import type { ReadBatch, ShardReader, ShardToRead } from './shard-reader.ts'
import { Subscription } from './subscription.ts'
import { Watchdog, type WatchdogLimits } from './watchdog.ts'

export interface FanOutReaderOptions {
  readonly watchdog: Partial<WatchdogLimits>
  readonly registrations: ConsumerRegistrations
}

/** Two heartbeats that did not come. */
const limits: WatchdogLimits = { silenceMs: 10_000, slowProcessorMs: 60_000, noDemandMs: 60_000 }
/** Clocks of two machines, and the way between them. */
const TAKEOVER_SLACK_MS = 250
/** One call a second for a consumer and shard (KINESIS.md §15). */
const CALL_INTERVAL_MS = 1_000

export class FanOutReader implements ShardReader {
  readonly #context: ReaderContext
  readonly #shard: ShardToRead
  readonly #registrations: ConsumerRegistrations
  readonly #troubles: Troubles
  readonly #watchdog: Watchdog
  #subscription: Subscription | undefined
  /** As which it subscribed last. */
  #consumerArn: string | undefined
  #continuation: string | undefined
  /** Monotonic: no subscription before. */
  #dueMs = -Infinity
  /** The service did not know what was asked for, and everything was looked up again since. */
  #isDoubted = false

  constructor(shard: ShardToRead, context: ReaderContext, { watchdog, registrations }: FanOutReaderOptions) {
    this.#context = context
    this.#shard = shard
    this.#registrations = registrations
    this.#troubles = new Troubles({ ...shard, ...context })
    this.#watchdog = new Watchdog({
      ...context,
      shard,
      limits: { ...limits, ...watchdog },
      onCondition: (condition) => context.onCondition(shard, condition),
      onSilence: () =>
        this.#subscription?.cut(
          new ReadTrouble(`${shard.shardId} of ${shard.stream}: the subscription sent neither records nor heartbeats.`),
        ),
    })
  }

  async next(signal: AbortSignal): Promise<ReadBatch> {
    this.#watchdog.saw('asked')
    for (;;) {
      signal.throwIfAborted()
      try {
        this.#subscription ??= await this.#subscribe(signal)
        const event = await this.#subscription.next(signal)
        if (event === undefined) {
          // Its five minutes are over.
          this.#subscription = undefined
          this.#watchdog.saw('closed')
          continue
        }
        const batch = await this.#batchOf(event, signal)
        this.#troubles.reset()
        this.#watchdog.saw(batch.records.length > 0 ? 'gave-records' : 'gave-nothing')
        return batch
      } catch (error) {
        signal.throwIfAborted()
        await this.#recover(error, signal)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog[Symbol.dispose]()
    await this.#subscription?.close()
  }

  async #subscribe(signal: AbortSignal): Promise<Subscription> {
    const { clock, service } = this.#context
    const { shardId } = this.#shard
    const ConsumerARN = await this.#registrations.arnOf(this.#shard, signal)
    this.#consumerArn = ConsumerARN
    const delayMs = this.#dueMs - clock.monotonic()
    if (delayMs > 0) await sleep(clock, delayMs, signal)
    if (this.#continuation === undefined) await untilBeginTime(this.#shard, this.#context, signal)
    this.#dueMs = clock.monotonic() + CALL_INTERVAL_MS
    this.#watchdog.saw('opened')
    const input = { ConsumerARN, ShardId: shardId, StartingPosition: this.#start() }
    let isFirst = true
    return new Subscription(service, input, ({ Records }) => {
      if (isFirst) this.#dueMs = clock.monotonic() + SUBSCRIPTION_TAKEOVER_MS + TAKEOVER_SLACK_MS
      isFirst = false
      this.#isDoubted = false
      this.#watchdog.saw(Records.length > 0 ? 'records' : 'heartbeat')
    })
  }

  async #batchOf(event: SubscribeToShardEvent, signal: AbortSignal): Promise<ReadBatch> {
    const { Records, MillisBehindLatest, ContinuationSequenceNumber, ChildShards = [] } = event
    const { service } = this.#context
    this.#continuation = ContinuationSequenceNumber ?? Records.at(-1)?.SequenceNumber ?? this.#continuation
    const batch = { records: Records, millisBehindLatest: MillisBehindLatest, isEnd: false, children: [] }
    if (ContinuationSequenceNumber !== undefined) return batch
    if (isFamily(ChildShards)) return { ...batch, isEnd: true, children: ChildShards }
    // No end that can be: what was read is given, and behind it is asked again.
    if (Records.length > 0) return batch
    return { ...batch, isEnd: true, children: await listChildren(service, this.#shard, signal) }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context
    const lost = this.#subscription
    this.#subscription = undefined
    await lost?.close()
    if (!(error instanceof ReadTrouble)) this.#watchdog.saw('trouble')
    switch (failureType(error)) {
      case 'ResourceInUseException':
        // Refused: somebody subscribed just now, or the consumer is on its way (the wire's own text, KINESIS.md §15).
        // In the stream: somebody took over. If it is the lease's next owner, we shall hear of it before we are back.
        this.#registrations.forgetIfInactive(this.#shard.stream, this.#consumerArn, error)
        if (lost?.hasBegun === true) this.#dueMs = clock.monotonic() + SUBSCRIPTION_TAKEOVER_MS * (1 + random.float())
        this.#shard.onTrouble(error)
        return
      case 'ResourceNotFoundException':
        // The consumer may be gone alone: somebody deregistered it.
        if (this.#isDoubted) break
        this.#isDoubted = true
        this.#registrations.forget(this.#shard.stream, this.#consumerArn)
        this.#shard.onTrouble(error)
        return
    }
    const told = this.#continuation === undefined ? unlessTooEarly(error, this.#shard, this.#context) : error
    await this.#troubles.wait(told, this.#place(), signal)
  }

  #start(): SubscribeToShardInput['StartingPosition'] {
    const { position } = this.#shard
    if (this.#continuation !== undefined) return { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: this.#continuation }
    switch (position.kind) {
      case 'trim-horizon':
        return { Type: 'TRIM_HORIZON' }
      case 'time':
        return { Type: 'AT_TIMESTAMP', Timestamp: position.timeMs }
      case 'sequence':
        return {
          Type: position.isAfter ? 'AFTER_SEQUENCE_NUMBER' : 'AT_SEQUENCE_NUMBER',
          SequenceNumber: position.sequenceNumber,
        }
    }
  }

  #place(): string {
    return this.#continuation === undefined ? 'at the start asked for' : `after ${this.#continuation}`
  }
}
