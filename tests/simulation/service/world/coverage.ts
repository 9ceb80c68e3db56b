/** What the worlds of a run went through, added up, so that a suite can say that it had something to do. */

export class Coverage {
  readonly #counts = new Map<string, number>()

  add(what: string, count = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + count)
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  merge(other: Coverage): void {
    for (const [what, count] of other.#counts) this.add(what, count)
  }

  /** All that begins with `group: `, for people. */
  toString(): string {
    return [...this.#counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')
  }
}
