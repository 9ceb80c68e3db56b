/**
 * From many producers to one consumer, hand to hand: `give` resolves when the value has been taken, so that nothing
 * piles up when the consumer is slow. Holds at most one value of each producer.
 */
import { type Deferred, deferred } from '@millrace/std'

export class Handoff<T> {
  readonly #offers: { readonly value: T; readonly taken: Deferred<void> }[] = []
  #waiting: Deferred<void> | undefined
  #end: { readonly error?: unknown } | undefined

  give(value: T): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve()
    const offer = { value, taken: deferred<void>() }
    this.#offers.push(offer)
    this.#waiting?.resolve()
    return offer.taken.promise
  }

  /** No more values: the consumer's loop ends after what has been given, or throws `error`. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error }
    this.#waiting?.resolve()
  }

  async *values(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const offer = this.#offers.shift()
      if (offer !== undefined) {
        offer.taken.resolve()
        yield offer.value
      } else if (this.#end === undefined) {
        this.#waiting = deferred()
        await this.#waiting.promise
      } else {
        if ('error' in this.#end) throw this.#end.error as Error
        return
      }
    }
  }
}
