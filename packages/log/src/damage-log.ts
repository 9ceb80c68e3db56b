/** Lines about damage for `health()`: each once, a bounded number of them, and each to the logger. */
import type { Logger } from '@millrace/std'
import { DAMAGE_LINES_MAX } from './limits.ts'

export class DamageLog {
  readonly #logger: Logger
  readonly #lines: Set<string>

  /** `lines`: found while opening, and logged already. */
  constructor(logger: Logger, lines: readonly string[]) {
    this.#logger = logger
    this.#lines = new Set(lines.slice(0, DAMAGE_LINES_MAX))
  }

  get lines(): readonly string[] {
    return [...this.#lines]
  }

  add(line: string): void {
    if (this.#lines.has(line) || this.#lines.size >= DAMAGE_LINES_MAX) return
    this.#lines.add(line)
    this.#logger.error('stored data is damaged', { damage: line })
  }
}
