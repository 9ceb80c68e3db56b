/** A counted number of places, first come first served, with a bounded queue: beyond it, callers are turned away. */
import { type Deferred, deferred } from '@millrace/std'
import { KinesisTransportError } from '../errors.ts'

/** Who waits longest here waits for thousands of others: turning callers away early is kinder. */
export const WAITING_MAX = 4_096

export class Slots {
  #free: number
  readonly #waiting = new Set<Deferred<void>>()

  constructor(count: number) {
    this.#free = count
  }

  /** Rejects with `aborted` when the signal fires first, and with `overloaded` when the queue is full. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw abortedBeforeSending(signal)
    if (this.#free > 0) {
      this.#free--
      return
    }
    if (this.#waiting.size >= WAITING_MAX) throw overloaded()
    const place = deferred<void>()
    this.#waiting.add(place)
    const onAbort = (): void => {
      if (this.#waiting.delete(place)) place.reject(abortedBeforeSending(signal))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await place.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  give(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free++
      return
    }
    this.#waiting.delete(next)
    next.resolve()
  }

  /** Everybody who waits is rejected with `error`. */
  refuseWaiting(error: Error): void {
    for (const place of this.#waiting) place.reject(error)
    this.#waiting.clear()
  }
}

export function overloaded(): KinesisTransportError {
  return new KinesisTransportError(
    'overloaded',
    `${WAITING_MAX} requests already wait for a connection: send fewer at a time, or allow more connections.`,
    { outcome: 'not-done' },
  )
}

export function abortedBeforeSending(signal: AbortSignal | undefined): KinesisTransportError {
  return new KinesisTransportError('aborted', 'Aborted by the caller before the request was sent.', {
    outcome: 'not-done',
    cause: signal?.reason,
  })
}

export function clientClosed(): KinesisTransportError {
  return new KinesisTransportError('client-closed', 'The client has been closed.', { outcome: 'not-done' })
}
