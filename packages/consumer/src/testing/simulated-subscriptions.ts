/**
 * Subscriptions to shards in memory, by the rules that a reader lives by (KINESIS.md §15): one for a consumer and shard, which another
 * takes over, though not within five seconds; heartbeats; an end after some time.
 */
import type { KinesisServiceError } from '@millrace/client'
import { SUBSCRIPTION_LIFE_MS, SUBSCRIPTION_TAKEOVER_MS, type SubscribeToShardEvent } from '@millrace/protocol'
import { type Clock, type Deferred, deferred, sleep, untilAborted } from '@millrace/std'
import { brokenConnection, serviceError } from './service-errors.ts'

/** What is there to be pushed at a place, and the place behind it. */
export interface PushedPage {
  readonly event: SubscribeToShardEvent
  readonly next: number
  /** The shard ends with it. */
  readonly isEnd: boolean
}

interface Subscriber {
  readonly sinceMs: number
  end(reason: Error | undefined): void
}

const HEARTBEAT_MS = 5_000
/** A connection on which an event is not read for so long is cut. */
const UNREAD_MS = 30_000

export class SimulatedSubscriptions {
  readonly #clock: Clock
  readonly #lifeMs: number
  /** By shard, then by consumer. */
  readonly #subscribers = new Map<string, Map<string, Subscriber>>()
  readonly #changed = new Map<string, Deferred<void>>()

  constructor(clock: Clock, lifeMs = SUBSCRIPTION_LIFE_MS) {
    this.#clock = clock
    this.#lifeMs = lifeMs
  }

  /** There is something new to be pushed of the shard. */
  wake(shardId: string): void {
    this.#changed.get(shardId)?.resolve()
    this.#changed.delete(shardId)
  }

  /** Ends those that there are, as a server does that stops, or with an exception in the stream. */
  endAll(reason?: Error): void {
    for (const subscribers of this.#subscribers.values())
      for (const subscriber of subscribers.values()) subscriber.end(reason)
  }

  /** `pageAt`: `undefined` of a connection that is dead without anybody saying so; what it throws breaks the stream. */
  async *subscribe(
    { shardId, consumer, from }: { readonly shardId: string; readonly consumer: string; readonly from: number },
    pageAt: (place: number) => PushedPage | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
    const clock = this.#clock
    const sinceMs = clock.monotonic()
    const subscribers = this.#subscribersOf(shardId)
    const before = subscribers.get(consumer)
    if (before !== undefined && sinceMs - before.sinceMs < SUBSCRIPTION_TAKEOVER_MS) throw inUse()
    before?.end(inUse())
    const ended = deferred<void>()
    let end: { readonly reason: Error | undefined } | undefined
    const subscriber: Subscriber = {
      sinceMs,
      end: (reason) => {
        end ??= { reason }
        ended.resolve()
      },
    }
    subscribers.set(consumer, subscriber)
    try {
      for (let place = from, isDue = true; ;) {
        if (end?.reason !== undefined) throw end.reason
        if (end !== undefined || clock.monotonic() - sinceMs >= this.#lifeMs) return
        const page = pageAt(place)
        if (page === undefined) return await untilAborted(new Promise<never>(() => undefined), signal)
        const { event, next, isEnd } = page
        if (isDue || isEnd || event.Records.length > 0) {
          const pushedAtMs = clock.monotonic()
          yield event
          if (isEnd) return
          if (clock.monotonic() - pushedAtMs > UNREAD_MS) throw brokenConnection()
          isDue = false
        } else isDue = await this.#isHeartbeatDue(shardId, ended.promise, signal)
        place = next
      }
    } finally {
      if (subscribers.get(consumer) === subscriber) subscribers.delete(consumer)
    }
  }

  /** Waits for news of the shard or the end of the subscription, else for the next heartbeat. */
  #isHeartbeatDue(shardId: string, ended: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
    let changed = this.#changed.get(shardId)
    if (changed === undefined) this.#changed.set(shardId, (changed = deferred()))
    const beat = new AbortController()
    const isBeat = sleep(this.#clock, HEARTBEAT_MS, beat.signal).then(
      () => true,
      () => false,
    )
    const isNews = Promise.race([changed.promise, ended]).then(() => false)
    return untilAborted(Promise.race([isNews, isBeat]), signal).finally(() => beat.abort())
  }

  #subscribersOf(shardId: string): Map<string, Subscriber> {
    const found = this.#subscribers.get(shardId)
    if (found !== undefined) return found
    const made = new Map<string, Subscriber>()
    this.#subscribers.set(shardId, made)
    return made
  }
}

function inUse(): KinesisServiceError {
  return serviceError('ResourceInUseException', 'Another active subscription exists for this consumer: 0:s:x:c')
}
