/**
 * Who is subscribed to what: one subscription of a consumer to a shard at a time. Another call soon after a successful
 * one is refused; a later one takes over, and the older subscription ends with an exception (KINESIS.md §15). Known to
 * this server alone (docs/decisions/080-enhanced-fan-out.md).
 */
import { SUBSCRIPTION_TAKEOVER_MS } from '@millrace/protocol'
import type { Clock } from '@millrace/std'

import type { ShardRef } from '../engine/engine.ts'

/** A place that a subscription holds. It is given back when its signal aborts, or by `end`. */
export interface Subscription {
  /** - `taken-over`: another call has the place. - `over`: nobody reads any more, or the service is closing. */
  readonly state: 'live' | 'taken-over' | 'over'
  /** Called when the state changes; set by whoever waits. */
  onChange: () => void
  /** Its first event is asked for. One that ends before is as if it had never been. */
  begin(): void
  end(): void
}

export class Subscriptions {
  readonly #clock: Clock
  /** Of the last call for each consumer and shard, while it lives or could still refuse another. */
  readonly #places = new Map<string, Place>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Live ones. */
  get size(): number {
    let live = 0
    for (const { state } of this.#places.values()) if (state === 'live') live++
    return live
  }

  /** The place was taken less than five seconds ago, whether or not it is held still. */
  isTaken(consumerArn: string, shard: ShardRef): boolean {
    const startedMs = this.#places.get(placeId(consumerArn, shard))?.startedMs ?? -Infinity
    return this.#clock.monotonic() - startedMs < SUBSCRIPTION_TAKEOVER_MS
  }

  /** `undefined`: it is taken. */
  open(consumerArn: string, shard: ShardRef, signal: AbortSignal): Subscription | undefined {
    if (this.isTaken(consumerArn, shard)) return undefined
    const id = placeId(consumerArn, shard)
    const before = this.#places.get(id)
    const place = new Place(this.#clock.monotonic(), signal, () => this.#ended(id, place))
    this.#places.set(id, place)
    before?.change('taken-over')
    if (signal.aborted) place.end()
    return place
  }

  /** Ends them all. */
  close(): void {
    for (const place of this.#places.values()) place.change('over')
  }

  /** Its place is remembered for as long as it refuses others. */
  #ended(id: string, place: Place): void {
    const forget = (): void => {
      if (this.#places.get(id) === place) this.#places.delete(id)
    }
    const leftMs = place.startedMs + SUBSCRIPTION_TAKEOVER_MS - this.#clock.monotonic()
    if (leftMs <= 0 || !place.hasBegun) forget()
    else this.#clock.setTimer(leftMs, forget, { unref: true })
  }
}

function placeId(consumerArn: string, shard: ShardRef): string {
  return `${consumerArn} ${shard}`
}

class Place implements Subscription {
  readonly startedMs: number
  readonly #signal: AbortSignal
  readonly #onEnd: () => void
  state: Subscription['state'] = 'live'
  hasBegun = false
  onChange: () => void = () => {}

  constructor(startedMs: number, signal: AbortSignal, onEnd: () => void) {
    this.startedMs = startedMs
    this.#signal = signal
    this.#onEnd = onEnd
    signal.addEventListener('abort', this.end, { once: true })
  }

  begin(): void {
    this.hasBegun = true
  }

  readonly end = (): void => this.change('over')

  change(state: 'taken-over' | 'over'): void {
    if (this.state !== 'live') return
    this.state = state
    this.#signal.removeEventListener('abort', this.end)
    this.#onEnd()
    this.onChange()
  }
}
