/**
 * One call of SubscribeToShard, from its first event to its end. It reads one event ahead, and heartbeats on and on: so a
 * connection stays alive while a processor takes its time. What has records waits to be taken, and holds the rest up.
 */
import type { SubscribeToShardEvent, SubscribeToShardInput } from '@millrace/protocol'
import { type Deferred, deferred, untilAborted } from '@millrace/std'
import type { StreamService } from '../service.ts'

export class Subscription {
  readonly #abort = new AbortController()
  readonly #onEvent: (event: SubscribeToShardEvent) => void
  readonly #ended: Promise<void>
  #hasBegun = false
  /** Came, and was not taken yet; a heartbeat gives way to what comes behind it. */
  #event: SubscribeToShardEvent | undefined
  #end: { readonly error?: unknown } | undefined
  #came: Deferred<void> = deferred()
  #taken: Deferred<void> = deferred()

  /** `onEvent`: at the moment an event arrives. */
  constructor(service: StreamService, input: SubscribeToShardInput, onEvent: (event: SubscribeToShardEvent) => void) {
    this.#onEvent = onEvent
    this.#ended = this.#read(service.subscribeToShard(input, { signal: this.#abort.signal }))
  }

  /** An event came: the service took it on. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The next event, or `undefined` when the service ended the stream; rejects with what broke it, or the signal's reason. */
  async next(signal: AbortSignal): Promise<SubscribeToShardEvent | undefined> {
    for (;;) {
      const event = this.#event
      if (event !== undefined) {
        this.#event = undefined
        this.#taken.resolve()
        return event
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error
        return undefined
      }
      this.#came = deferred()
      await untilAborted(this.#came.promise, signal)
    }
  }

  /** It ends with `reason`, unless it has ended. */
  cut(reason: unknown): void {
    this.#finish({ error: reason })
    this.#abort.abort(reason)
    this.#taken.resolve()
  }

  /** Resolves when nothing of it is left. */
  async close(): Promise<void> {
    this.cut(new Error('The subscription was closed.'))
    await this.#ended
  }

  async #read(events: AsyncIterable<SubscribeToShardEvent>): Promise<void> {
    try {
      for await (const event of events) {
        if (this.#abort.signal.aborted) return
        this.#hasBegun = true
        this.#onEvent(event)
        this.#event = event
        this.#taken = deferred()
        this.#came.resolve()
        if (isHeartbeat(event)) continue
        await this.#taken.promise
        if (this.#abort.signal.aborted) return
      }
      this.#finish({})
    } catch (error) {
      this.#finish({ error })
    }
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end
    this.#came.resolve()
  }
}

/** Nothing is lost with it but where to go on, which the next event tells, too. */
function isHeartbeat({ Records, ContinuationSequenceNumber }: SubscribeToShardEvent): boolean {
  return Records.length === 0 && ContinuationSequenceNumber !== undefined
}
