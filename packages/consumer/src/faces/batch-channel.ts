/** Between the shards that have a batch to offer, one each at most, and the loop that takes them, first come, first served. */
import { type Deferred, deferred } from '@millrace/std'
import type { Batch, Offer } from './batches-face.ts'

export interface BatchChannelOptions {
  /** Ends the loop after the batch in hand; the loop does not throw. */
  readonly signal?: AbortSignal | undefined
  /** The first loop begins: called once, and not when the signal was aborted before. What it throws each loop throws. Default: nothing. */
  readonly onOpen?: (() => void) | undefined
  /** The loop has ended, or is about to: called once. The loop is over when it has resolved. */
  readonly onClose: () => Promise<void>
}

export class BatchChannel<Value> implements AsyncIterable<Batch<Value>> {
  readonly #options: BatchChannelOptions
  /** In the order in which they came. */
  readonly #offers = new Set<Offer<Value>>()
  #changed: Deferred<void> | undefined
  #isOpen = false
  #closing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  readonly #onAbort = (): void => void this.#close()

  constructor(options: BatchChannelOptions) {
    this.#options = options
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal?.aborted === true) void this.#close()
  }

  offer(offer: Offer<Value>): void {
    this.#offers.add(offer)
    this.#wake()
  }

  /** Whether nobody had taken it. */
  withdraw(offer: Offer<Value>): boolean {
    return this.#offers.delete(offer)
  }

  /** No batch will come any more: the loop ends, or throws what is handed in. */
  end(failure?: { readonly error: unknown }): void {
    this.#failure ??= failure
    void this.#close()
  }

  /** Several loops share the batches; when one ends, all do. */
  [Symbol.asyncIterator](): AsyncIterator<Batch<Value>, undefined> {
    this.#open()
    let inHand: Offer<Value> | undefined
    const part = (kind: 'done' | 'left'): void => {
      inHand?.parted.resolve({ kind })
      inHand = undefined
    }
    return {
      next: async () => {
        part('done')
        inHand = await this.#take()
        if (inHand !== undefined) return { done: false, value: inHand.batch }
        await this.#close()
        if (this.#failure !== undefined) throw this.#failure.error
        return { done: true, value: undefined }
      },
      return: async () => {
        part('left')
        await this.#close()
        return { done: true, value: undefined }
      },
    }
  }

  async #take(): Promise<Offer<Value> | undefined> {
    while (this.#closing === undefined) {
      const [offer] = this.#offers
      if (offer !== undefined) {
        this.#offers.delete(offer)
        offer.taken.resolve()
        return offer
      }
      this.#changed ??= deferred()
      await this.#changed.promise
    }
    return undefined
  }

  #open(): void {
    if (this.#isOpen || this.#closing !== undefined) return
    // What it throws the next loop is to hear, too: nothing would come for it.
    this.#options.onOpen?.()
    this.#isOpen = true
  }

  #close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#closing ??= this.#options.onClose()
    this.#wake()
    return this.#closing
  }

  #wake(): void {
    this.#changed?.resolve()
    this.#changed = undefined
  }
}
