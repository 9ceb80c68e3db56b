/**
 * Faults on demand for tests of what stands on the memory engine. Without any, every write succeeds.
 */
import { deferred } from '@millrace/std'
import type { Position, ShardRef, EngineDamage } from '../engine.ts'
import type { WriteFailure } from './commit-queue.ts'

/** What `read` says about a range of a shard that cannot be read. */
export interface Damage {
  readonly from: Position
  readonly to: Position
  readonly reason: string
}

interface WriteFault {
  readonly failure: WriteFailure
  readonly stored: boolean
}

export class MemoryFaults {
  #fault: (WriteFault & { readonly commits: number }) | undefined
  #held: Promise<void> | undefined
  #reached: (() => void) | undefined
  readonly #damage = new Map<ShardRef, Damage>()

  /**
   * The next `commits` commits fail. With `unknown`, `stored` says whether they took effect all the same
   * (default: they did not).
   */
  failCommits(failure: WriteFailure, options: { readonly commits?: number; readonly stored?: boolean } = {}): void {
    this.#fault = {
      failure,
      stored: failure === 'unknown' && options.stored === true,
      commits: options.commits ?? 1,
    }
  }

  /** Ends `failCommits` early. */
  heal(): void {
    this.#fault = undefined
  }

  /** Holds every commit at its sync until `release` is called. `reached` resolves when the first one stands there. */
  holdSyncs(): { readonly reached: Promise<void>; release(): void } {
    const gate = deferred<void>()
    const reached = deferred<void>()
    this.#held = gate.promise
    this.#reached = () => reached.resolve()
    return {
      reached: reached.promise,
      release: () => {
        this.#held = undefined
        gate.resolve()
      },
    }
  }

  /** Readers of `shard` meet damage at `damage.from`, or none any more. */
  damage(shard: ShardRef, damage: Damage | undefined): void {
    if (damage === undefined) this.#damage.delete(shard)
    else this.#damage.set(shard, damage)
  }

  damageOf(shard: ShardRef): Damage | undefined {
    return this.#damage.get(shard)
  }

  /** Each damaged shard, as `health` tells it. */
  describeDamage(): readonly EngineDamage[] {
    return [...this.#damage].map(([shard, { reason }]) => ({ reason, shards: [{ shard, isCertain: true }] }))
  }

  /** Why writes fail now, if they do. */
  get failure(): WriteFailure | undefined {
    return this.#fault?.failure
  }

  takeWriteFault(): WriteFault | undefined {
    const fault = this.#fault
    if (fault === undefined) return undefined
    this.#fault = fault.commits > 1 ? { ...fault, commits: fault.commits - 1 } : undefined
    return fault
  }

  async sync(): Promise<void> {
    if (this.#held === undefined) return
    this.#reached?.()
    await this.#held
  }
}
