/**
 * The faults that are in force, in the order in which they were added. Each throws its own dice, seeded by the kit's
 * seed and its number: what one strikes does not depend on what the others saw.
 */
import { seededRandom } from '@millrace/std/testing'
import type { Random } from '@millrace/std'

import { type Fault, type FaultRule, readFault } from './fault.ts'
import { TestKitError } from './test-kit-error.ts'

/** Each is looked at by each request. */
const FAULTS_MAX = 1_000

/** A fault that was added. Disposing of it removes it. */
export interface AddedFault extends Disposable {
  /** `1`, `2`, … since the last reset. */
  readonly id: string
  readonly fault: Fault
  /** How many requests (records, events) it has struck. */
  readonly hits: number
  /** Twice is fine. */
  remove(): void
}

export interface Faults {
  /** Throws TestKitError for what could never apply, and beyond 1,000 faults. */
  add(fault: Fault): AddedFault
  /** Those in force or spent, in the order in which they were added. */
  list(): readonly AddedFault[]
  /** False: there is none of this id. */
  remove(id: string): boolean
  /** Removes them all. */
  clear(): void
}

export class FaultList implements Faults {
  readonly #seed: number
  readonly #active = new Map<string, ActiveFault>()
  #added = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  get active(): Iterable<ActiveFault> {
    return this.#active.values()
  }

  get isEmpty(): boolean {
    return this.#active.size === 0
  }

  add(fault: Fault): AddedFault {
    const rule = readFault(fault)
    if (this.#active.size >= FAULTS_MAX)
      throw new TestKitError(`faults: expected at most ${FAULTS_MAX} at once; remove some, or reset`)
    const number = ++this.#added
    const id = String(number)
    // A prime apart: neighbouring seeds have no fault's dice in common.
    const dice = seededRandom(this.#seed + number * 1_000_003)
    const active: ActiveFault = new ActiveFault(id, rule, dice, () => {
      // After a reset another has its number.
      if (this.#active.get(id) === active) this.#active.delete(id)
    })
    this.#active.set(id, active)
    return active
  }

  list(): readonly AddedFault[] {
    return [...this.#active.values()]
  }

  remove(id: string): boolean {
    return this.#active.delete(id)
  }

  clear(): void {
    this.#active.clear()
  }

  /** As new: the next fault has the first number and its dice. */
  reset(): void {
    this.#active.clear()
    this.#added = 0
  }
}

export class ActiveFault implements AddedFault {
  readonly id: string
  readonly rule: FaultRule
  readonly #dice: Random
  readonly #onRemove: () => void
  #passed = 0
  #hits = 0

  constructor(id: string, rule: FaultRule, dice: Random, onRemove: () => void) {
    this.id = id
    this.rule = rule
    this.#dice = dice
    this.#onRemove = onRemove
  }

  get fault(): Fault {
    return this.rule.fault
  }

  get hits(): number {
    return this.#hits
  }

  /** Whether the next one that it is for is struck. */
  strikes(): boolean {
    const { skip, times, probability } = this.rule
    if (this.#hits >= times || this.#passed++ < skip) return false
    if (probability < 1 && this.#dice.float() >= probability) return false
    this.#hits++
    return true
  }

  remove(): void {
    this.#onRemove()
  }

  [Symbol.dispose](): void {
    this.remove()
  }
}
