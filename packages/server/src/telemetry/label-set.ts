/**
 * The label values of metrics, made once for each thing that has some, and bounded in number: things beyond the bound are
 * counted together as `(other)` until one that is gone makes room.
 */
export const OTHER = '(other)'

/** Streams, shards or consumers, as their metrics name them. */
export class LabelSet<L> {
  readonly #max: number
  readonly #known = new Map<string, L>()

  constructor(max: number) {
    this.#max = max
  }

  /** `undefined`: there is no room for one more. */
  of(key: string, make: () => L): L | undefined {
    const found = this.#known.get(key)
    if (found !== undefined || this.#known.size >= this.#max) return found
    const made = make()
    this.#known.set(key, made)
    return made
  }

  /** Forgets those that are gone, and gives them back. */
  forget(isGone: (labels: L) => boolean): readonly L[] {
    const gone: L[] = []
    for (const [key, labels] of this.#known) {
      if (!isGone(labels)) continue
      this.#known.delete(key)
      gone.push(labels)
    }
    return gone
  }
}
