/**
 * What writes under way will add to the leases of one application: it counts from the moment in which there was room for
 * it, or many at once would each find the same room. Several writes of one lease count once.
 */
interface Pending {
  writes: number
  readonly isNew: boolean
  bytes: number
}

export class PendingWrites {
  readonly #leases = new Map<string, Pending>()
  #newLeases = 0
  #bytes = 0

  /** Leases that are not there yet. */
  get newLeases(): number {
    return this.#newLeases
  }

  /** By which stored leases will have grown. */
  get bytes(): number {
    return this.#bytes
  }

  has(lease: string): boolean {
    return this.#leases.has(lease)
  }

  /** Counts a write until it is over, however it ends. `growthBytes` below 0 count as 0: the write may fail. */
  async during<T>(lease: string, isNew: boolean, growthBytes: number, write: () => Promise<T>): Promise<T> {
    const pending = this.#leases.get(lease) ?? this.#begin(lease, isNew)
    pending.writes++
    if (growthBytes > pending.bytes) {
      this.#bytes += growthBytes - pending.bytes
      pending.bytes = growthBytes
    }
    try {
      return await write()
    } finally {
      pending.writes--
      if (pending.writes === 0) this.#end(lease, pending)
    }
  }

  #begin(lease: string, isNew: boolean): Pending {
    const pending: Pending = { writes: 0, isNew, bytes: 0 }
    this.#leases.set(lease, pending)
    if (isNew) this.#newLeases++
    return pending
  }

  #end(lease: string, { isNew, bytes }: Pending): void {
    this.#leases.delete(lease)
    this.#bytes -= bytes
    if (isNew) this.#newLeases--
  }
}
