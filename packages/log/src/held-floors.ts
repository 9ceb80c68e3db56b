/**
 * Trim floors on a full disk. Each takes a page of the reserve, and most give nothing back: they wait in memory, of
 * whichever trims they came, until all together leave a segment with nothing to keep, or a while has passed: what they
 * leave may be little enough to be written elsewhere. Not stored: who trims is refused meanwhile, and asks again.
 */
import type { Ledger, TrimFloor } from './api.ts'
import { HELD_FLOORS_WAIT_MS } from './limits.ts'

export class HeldFloors {
  /** One a ledger: the latest. */
  readonly #beforeMs = new Map<Ledger, number>()
  #waitMs = HELD_FLOORS_WAIT_MS
  #sinceMs: number | undefined

  get all(): ReadonlyMap<Ledger, number> {
    return this.#beforeMs
  }

  /** `nowMs` on the monotonic clock. */
  hold(floors: readonly TrimFloor[], nowMs: number): void {
    this.#sinceMs ??= nowMs
    for (const { ledger, beforeMs } of floors) this.#beforeMs.set(ledger, beforeMs)
  }

  /** Whether they have waited for long enough. */
  isDue(nowMs: number): boolean {
    return this.#sinceMs !== undefined && nowMs - this.#sinceMs >= this.#waitMs
  }

  /** All of them, which are to be written now. The next ones wait for twice as long: a year takes a dozen. */
  takeAll(): readonly TrimFloor[] {
    const floors = [...this.#beforeMs].map(([ledger, beforeMs]) => ({ ledger, beforeMs }))
    this.#beforeMs.clear()
    this.#sinceMs = undefined
    this.#waitMs *= 2
    return floors
  }

  /** Its floor is another one, or it is dropped. */
  delete(ledger: Ledger): void {
    this.#beforeMs.delete(ledger)
  }

  /** There is space. */
  clear(): void {
    this.#beforeMs.clear()
    this.#sinceMs = undefined
    this.#waitMs = HELD_FLOORS_WAIT_MS
  }
}
