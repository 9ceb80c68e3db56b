/**
 * Ranges of commits that were durable and cannot be read. A ledger lost something in one if the chain of its frames
 * leads into it. Few, nearly always none.
 */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly reason: string
}

export class Holes {
  readonly #holes: readonly Hole[]

  constructor(holes: readonly Hole[]) {
    this.#holes = holes.toSorted((a, b) => a.from - b.from)
  }

  get isEmpty(): boolean {
    return this.#holes.length === 0
  }

  /** The hole that `commit` lies in. */
  at(commit: number): Hole | undefined {
    return this.#holes.find((hole) => hole.from <= commit && commit <= hole.to)
  }
}
