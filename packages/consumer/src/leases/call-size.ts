/**
 * How many leases one call names: what is not answered in its time is asked again from its beginning, so that a call which is too
 * large for a slow store would come to nothing each time.
 */
import { LEASES_PER_CALL_MAX } from './lease-store.ts'

export class CallSize {
  #size = LEASES_PER_CALL_MAX

  /** One call after another, in order. Half as many in the next after one that fails, which fails the whole; twice as many after each that does not. */
  async inCalls<T>(items: readonly T[], call: (some: readonly T[]) => Promise<void>): Promise<void> {
    for (let at = 0; at < items.length;) {
      const some = items.slice(at, at + this.#size)
      try {
        await call(some)
      } catch (error) {
        this.#size = Math.max(1, some.length >> 1)
        throw error
      }
      at += some.length
      this.#size = Math.min(LEASES_PER_CALL_MAX, this.#size * 2)
    }
  }
}
