/**
 * Reads one shard by SubscribeToShard: its records are pushed. A subscription lasts five minutes, and may not be begun
 * again sooner than five seconds after it began; the next goes on where the last event stood.
 */
import { SUBSCRIPTION_TAKEOVER_MS, type SubscribeToShardEvent, type SubscribeToShardInput } from '@millrace/protocol'
import { sleep } from '@millrace/std'
import type { ShardBatch, ShardSource, ShardSourceOptions } from './shard-source.ts'

export interface ShardSubscriberOptions extends ShardSourceOptions {
  readonly consumerArn: string
}

/** Clocks of two machines, and the way between them. */
const TAKEOVER_SLACK_MS = 250

export class ShardSubscriber implements ShardSource {
  readonly #options: ShardSubscriberOptions
  #events: AsyncIterator<SubscribeToShardEvent> | undefined
  #subscribedAtMs = -Infinity
  /** One that came and was not read yet. */
  #event: SubscribeToShardEvent | undefined
  #continuation: string | undefined

  constructor(options: ShardSubscriberOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    this.#event = await this.#nextEvent()
  }

  async due(): Promise<void> {
    const { patience, signal } = this.#options
    this.#event ??= await patience.run(() => this.#nextEvent(), signal)
  }

  async read(): Promise<ShardBatch> {
    await this.due()
    const event = this.#event
    this.#event = undefined
    this.#continuation = event?.ContinuationSequenceNumber
    return {
      shardId: this.#options.shardId,
      records: event?.Records ?? [],
      millisBehindLatest: event?.MillisBehindLatest ?? 0,
      ended: this.#continuation === undefined,
      children: event?.ChildShards ?? [],
    }
  }

  close(): void {
    // Whether the endpoint hears of it or not: nobody waits for it.
    this.#events?.return?.().catch(() => undefined)
  }

  async #nextEvent(): Promise<SubscribeToShardEvent> {
    for (;;) {
      this.#events ??= await this.#subscribe()
      try {
        const next = await this.#events.next()
        if (next.done !== true) return next.value
        // Its five minutes are over.
        this.#events = undefined
      } catch (error) {
        this.#events = undefined
        throw error
      }
    }
  }

  async #subscribe(): Promise<AsyncIterator<SubscribeToShardEvent>> {
    const { kinesis, consumerArn, shardId, clock, signal } = this.#options
    const waitMs = this.#subscribedAtMs + SUBSCRIPTION_TAKEOVER_MS + TAKEOVER_SLACK_MS - clock.monotonic()
    if (waitMs > 0) await sleep(clock, waitMs, signal)
    this.#subscribedAtMs = clock.monotonic()
    const input = { ConsumerARN: consumerArn, ShardId: shardId, StartingPosition: this.#start() }
    return kinesis.subscribeToShard(input, { signal })[Symbol.asyncIterator]()
  }

  #start(): SubscribeToShardInput['StartingPosition'] {
    const { position } = this.#options
    if (this.#continuation !== undefined) return { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: this.#continuation }
    switch (position.kind) {
      case 'trim-horizon':
        return { Type: 'TRIM_HORIZON' }
      case 'latest':
        return { Type: 'LATEST' }
      case 'time':
        return { Type: 'AT_TIMESTAMP', Timestamp: position.timeMs }
      case 'sequence':
        return {
          Type: position.after ? 'AFTER_SEQUENCE_NUMBER' : 'AT_SEQUENCE_NUMBER',
          SequenceNumber: position.sequenceNumber,
        }
    }
  }
}
