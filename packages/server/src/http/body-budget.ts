/**
 * The memory that all request bodies together may take. Bytes are charged as they arrive, not as they are announced:
 * who announces much and sends nothing holds nothing. At the bound, connections that send more are paused; if that
 * lasts, an unfinished body is given up, first the one whose sender has been silent longest: a client that still
 * sends has been paused by us, so silence at the bound is the client's own.
 */
import { type Clock, type Linked, LinkedSet, type Timer } from '@millrace/std'

export interface BodyBudgetOptions {
  readonly bytesMax: number
  /** How much of that may be bytes behind a request that is served. */
  readonly pipelinedBytesMax: number
  /** How long somebody waits before an unfinished body is given up. */
  readonly waitMs: number
  readonly clock: Clock
}

/** What a complete body holds of the budget. */
export interface BodyHold {
  /** Gives everything back. Twice is fine. */
  release(): void
}

/** What one body holds of the budget. */
export interface BodyClaim extends BodyHold {
  /** Charges bytes that have arrived. False: the sender is to be paused until `resume` is called. */
  grow(bytes: number): boolean
  /** The body is complete: it is no longer given up for others. */
  complete(): void
}

export interface BodyOwner {
  resume(): void
  /** The body was given up for others: answer, and let go. */
  giveUp(): void
}

interface Holder extends Linked<Holder> {
  readonly owner: BodyOwner
  bytes: number
  lastGrownMs: number
  complete: boolean
}

/** What a connection that is read from again may add before it is looked at: one read of Node's sockets. */
export const READ_BYTES = 64 * 1024

/** While complete bodies hold more of the budget than this, their answers are waited for. */
const HANDLED_SHARE = 1 / 4

export class BodyBudget {
  readonly #options: BodyBudgetOptions
  readonly #holders = new LinkedSet<Holder>()
  /** Paused senders, in the order in which they were paused. */
  readonly #waiting = new Set<Holder>()
  #bytes = 0
  /** Of these, those of bodies that came whole. */
  #wholeBytes = 0
  /** And of what waits behind other requests. */
  #pipelinedBytes = 0
  #timer: Timer | undefined

  constructor(options: BodyBudgetOptions) {
    this.#options = options
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** For a body that came whole, in one read: it never waits, and is never given up. */
  hold(bytes: number): BodyHold {
    this.#bytes += bytes
    this.#wholeBytes += bytes
    return new WholeHold(bytes, this)
  }

  /** Only for what `hold` gave. */
  giveBack(bytes: number): void {
    this.#bytes -= bytes
    this.#wholeBytes -= bytes
    if (this.#waiting.size > 0) this.#resume()
  }

  /** For what was read behind a request that is served. `undefined`: there is no room for it. */
  keep(bytes: number): BodyHold | undefined {
    if (this.#pipelinedBytes + bytes > this.#options.pipelinedBytesMax) return undefined
    this.#bytes += bytes
    this.#pipelinedBytes += bytes
    let held = bytes
    return {
      release: () => {
        this.#bytes -= held
        this.#pipelinedBytes -= held
        held = 0
        if (this.#waiting.size > 0) this.#resume()
      },
    }
  }

  claim(owner: BodyOwner): BodyClaim {
    const holder: Holder = { owner, bytes: 0, lastGrownMs: 0, complete: false }
    this.#holders.add(holder)
    return {
      grow: (bytes) => {
        holder.bytes += bytes
        holder.lastGrownMs = this.#options.clock.monotonic()
        this.#bytes += bytes
        if (this.#bytes <= this.#options.bytesMax) return true
        this.#wait(holder)
        return false
      },
      complete: () => {
        holder.complete = true
        this.#waiting.delete(holder)
      },
      release: () => {
        if (!this.#holders.delete(holder)) return
        this.#waiting.delete(holder)
        this.#bytes -= holder.bytes
        this.#resume()
      },
    }
  }

  #wait(holder: Holder): void {
    this.#waiting.add(holder)
    if (this.#timer !== undefined) return
    this.#timer = this.#options.clock.setTimer(this.#options.waitMs, () => this.#makeRoom(), { unref: true })
  }

  #resume(): void {
    let room = this.#options.bytesMax - this.#bytes
    for (const holder of this.#waiting) {
      if (room <= 0) return
      room -= READ_BYTES
      this.#waiting.delete(holder)
      holder.owner.resume()
    }
  }

  #makeRoom(): void {
    this.#timer = undefined
    if (this.#waiting.size === 0) return
    // Armed before anybody is told: an owner may release, resume and wait again at once.
    this.#timer = this.#options.clock.setTimer(this.#options.waitMs, () => this.#makeRoom(), { unref: true })
    this.#whoIsToGo()?.owner.giveUp()
  }

  /** Who is to go: the longest silent, else the largest, unless complete bodies will make room. */
  #whoIsToGo(): Holder | undefined {
    const { clock, waitMs, bytesMax } = this.#options
    const silentSinceMs = clock.monotonic() - waitMs
    let silent: Holder | undefined
    let largest: Holder | undefined
    let handledBytes = this.#wholeBytes
    for (const holder of this.#holders.items()) {
      if (holder.complete) {
        handledBytes += holder.bytes
        continue
      }
      if (largest === undefined || holder.bytes > largest.bytes) largest = holder
      const isSilent = !this.#waiting.has(holder) && holder.bytes > 0 && holder.lastGrownMs <= silentSinceMs
      if (isSilent && (silent === undefined || holder.lastGrownMs < silent.lastGrownMs)) silent = holder
    }
    return silent ?? (handledBytes > bytesMax * HANDLED_SHARE ? undefined : largest)
  }
}

class WholeHold implements BodyHold {
  #bytes: number
  readonly #budget: BodyBudget

  constructor(bytes: number, budget: BodyBudget) {
    this.#bytes = bytes
    this.#budget = budget
  }

  release(): void {
    this.#budget.giveBack(this.#bytes)
    this.#bytes = 0
  }
}
