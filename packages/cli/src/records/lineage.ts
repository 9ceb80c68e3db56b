/**
 * Which shards a reader begins with, and which must wait for others: a child is read when all its parents are read
 * to their end, and so every key keeps its order through splits and merges. Pure bookkeeping; reading is
 * stream-reader.ts.
 */
export interface ShardParents {
  readonly shardId: string
  /** Those that are not known here (trimmed, or left out by the start position) hold nobody up. */
  readonly parents: readonly string[]
}

export class Lineage {
  /** Known and not begun. */
  readonly #waiting = new Map<string, readonly string[]>()
  readonly #known = new Set<string>()
  readonly #finished = new Set<string>()

  /** Adds shards; those known already are left as they are. */
  add(shards: readonly ShardParents[]): void {
    for (const { shardId, parents } of shards) {
      if (this.#known.has(shardId)) continue
      this.#known.add(shardId)
      this.#waiting.set(shardId, parents)
    }
  }

  /** The shard was read to its end, and all of it handed out. */
  finish(shardId: string): void {
    this.#finished.add(shardId)
  }

  /** Takes the shards that may be read now. */
  takeReady(): readonly string[] {
    const ready = [...this.#waiting]
      .filter(([, parents]) => parents.every((parent) => !this.#known.has(parent) || this.#finished.has(parent)))
      .map(([shardId]) => shardId)
    for (const shardId of ready) this.#waiting.delete(shardId)
    return ready
  }
}
