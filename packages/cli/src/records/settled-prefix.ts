/**
 * Which numbers of a sequence are settled, when they settle out of order: only the end of the gapless prefix matters,
 * because that is where an interrupted run goes on.
 */
export class SettledPrefix {
  readonly #beyond = new Set<number>()
  #end: number

  /** Everything up to and including `end` counts as settled. */
  constructor(end: number) {
    this.#end = end
  }

  /** The largest number with no open one at or below it. */
  get end(): number {
    return this.#end
  }

  settle(number: number): void {
    this.#beyond.add(number)
    while (this.#beyond.delete(this.#end + 1)) this.#end++
  }
}
