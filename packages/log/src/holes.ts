/**
 * Ranges of commits of which frames that were durable cannot be read. A ledger lost something in one if the chain of
 * its frames leads to a frame there that is not found: of a regrouped segment only some ledgers' frames are lost. Few,
 * nearly always none.
 */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly reason: string
}

export class Holes {
  #holes: readonly Hole[]

  constructor(holes: readonly Hole[]) {
    this.#holes = holes.toSorted((a, b) => a.from - b.from)
  }

  /** Idempotent. */
  add(hole: Hole): void {
    if (this.#holes.some(({ from, to }) => from === hole.from && to === hole.to)) return
    this.#holes = [...this.#holes, hole].sort((a, b) => a.from - b.from)
  }

  get isEmpty(): boolean {
    return this.#holes.length === 0
  }

  /** The hole that `commit` lies in. */
  at(commit: number): Hole | undefined {
    return this.#holes.find((hole) => hole.from <= commit && commit <= hole.to)
  }
}
