/**
 * Which workers of one application live: each for as long as its last beat asked for. Held in memory, by this server
 * alone (docs/decisions/096-leases-in-the-service.md). Who owned a lease when the server started has a session, too, as
 * long as it could have had one: nobody is dead only because the server was.
 */
interface Session {
  readonly worker: string
  readonly capacityMilli: number
  /** On the monotonic clock. */
  readonly endsAtMs: number
}

/** The share of an ordinary worker: what is taken for one that has not said. */
export const CAPACITY_MILLI_DEFAULT = 1_000

export class Sessions {
  readonly #sessions = new Map<string, Session>()

  get size(): number {
    return this.#sessions.size
  }

  has(worker: string): boolean {
    return this.#sessions.has(worker)
  }

  /** In no order that means anything. */
  get workers(): readonly Session[] {
    return [...this.#sessions.values()]
  }

  /** Whether others have something to learn: it is new, or takes another share. */
  renew(session: Session): boolean {
    const before = this.#sessions.get(session.worker)
    this.#sessions.set(session.worker, session)
    return before?.capacityMilli !== session.capacityMilli
  }

  /** Whether it was there. */
  end(worker: string): boolean {
    return this.#sessions.delete(worker)
  }

  clear(): void {
    this.#sessions.clear()
  }

  /** Ends those whose time is up; whether there were any. */
  expire(nowMs: number): boolean {
    let some = false
    for (const { worker, endsAtMs } of this.#sessions.values())
      if (endsAtMs <= nowMs) some = this.#sessions.delete(worker)
    return some
  }

  /** When the next one ends; `Infinity`: there is none. */
  get nextEndMs(): number {
    let next = Infinity
    for (const { endsAtMs } of this.#sessions.values()) next = Math.min(next, endsAtMs)
    return next
  }
}
