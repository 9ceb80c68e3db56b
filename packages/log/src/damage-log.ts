/** Damage for `health()`: each once, a bounded number, and each to the logger. */
import type { Logger } from '@millrace/std'
import type { Damage, DamagedLedger } from './api.ts'
import { DAMAGE_LINES_MAX } from './limits.ts'

export class DamageLog {
  readonly #logger: Logger
  /** By reason. */
  readonly #known: Map<string, Damage>

  /** `found`: while opening, and logged already. */
  constructor(logger: Logger, found: readonly Damage[]) {
    this.#logger = logger
    this.#known = new Map(found.slice(0, DAMAGE_LINES_MAX).map((damage) => [damage.reason, damage]))
  }

  get all(): readonly Damage[] {
    return [...this.#known.values()]
  }

  add(reason: string, ledgers: readonly DamagedLedger[] = []): void {
    if (this.#known.has(reason) || this.#known.size >= DAMAGE_LINES_MAX) return
    this.#known.set(reason, { reason, ledgers })
    this.#logger.error('stored data is damaged', { damage: reason })
  }
}
