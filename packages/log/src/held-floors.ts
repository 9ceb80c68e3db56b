/**
 * Trim floors on a full disk. Each takes a page of the reserve, and most give nothing back: they wait in memory, of
 * whichever trims they came, until all together leave a segment with nothing to keep, or a while has passed: what they
 * leave may be little enough to be written elsewhere. Not stored: who trims is refused meanwhile, and asks again.
 */
import type { Clock } from '@millrace/std'
import type { Ledger, TrimFloor } from './api.ts'
import { HELD_FLOORS_WAIT_MS } from './limits.ts'
import { LogError } from './log-error.ts'
import type { Purpose } from './segment-store.ts'

export interface HeldFloorsOptions {
  readonly clock: Clock
  readonly isFull: () => boolean
  /** Whether one segment more had nothing to keep, were these the floors. */
  readonly wouldFree: (floors: ReadonlyMap<Ledger, number>) => Promise<boolean>
}

export interface DueFloors {
  readonly floors: readonly TrimFloor[]
  readonly purpose: Exclude<Purpose, 'records'>
}

export class HeldFloors {
  readonly #options: HeldFloorsOptions
  /** One a ledger: the latest. */
  readonly #beforeMs = new Map<Ledger, number>()
  #waitMs = HELD_FLOORS_WAIT_MS
  #sinceMs: number | undefined

  constructor(options: HeldFloorsOptions) {
    this.#options = options
  }

  /** What is to be written now that `raised` are asked for. Rejects: LogError `no-space`. */
  async due(raised: readonly TrimFloor[]): Promise<DueFloors> {
    const { clock, isFull, wouldFree } = this.#options
    if (!isFull()) {
      this.#beforeMs.clear()
      this.#sinceMs = undefined
      this.#waitMs = HELD_FLOORS_WAIT_MS
      return { floors: raised, purpose: 'changes' }
    }
    this.#sinceMs ??= clock.monotonic()
    for (const { ledger, beforeMs } of raised) this.#beforeMs.set(ledger, beforeMs)
    const isFreeing = await wouldFree(this.#beforeMs)
    // Others may have taken them meanwhile, who are not done with them.
    const isHeld = raised.every(({ ledger }) => this.#beforeMs.has(ledger))
    const nowMs = clock.monotonic()
    if (!isHeld || (!isFreeing && nowMs - (this.#sinceMs ?? nowMs) < this.#waitMs)) {
      throw new LogError('no-space', 'the disk is full, and no segment would come back for what is below the floors')
    }
    const floors = [...this.#beforeMs].map(([ledger, beforeMs]) => ({ ledger, beforeMs }))
    this.#beforeMs.clear()
    this.#sinceMs = undefined
    // A year takes a dozen.
    this.#waitMs *= 2
    return { floors, purpose: isFreeing ? 'space' : 'trims' }
  }

  /** Another floor is asked for. */
  delete(ledger: Ledger): void {
    this.#beforeMs.delete(ledger)
  }
}
