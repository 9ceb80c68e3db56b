/** Faults for one life of a disk: from some operation on, one call fails, or all of its kind do. */
import type { DiskFault, DiskOperation, DiskOperationKind } from '@millrace/log/testing'
import { type Random, randomBelow } from '@millrace/std'

const CODES: Readonly<Partial<Record<DiskOperationKind, readonly string[]>>> = {
  open: ['EMFILE', 'EIO'],
  create: ['ENOSPC', 'EIO'],
  rename: ['EIO'],
  syncDirectory: ['EIO'],
  write: ['EIO', 'ENOSPC'],
  sync: ['EIO', 'ENOSPC'],
  read: ['EIO'],
}

export class FaultPlan {
  /** Something has failed. */
  hasFailed = false
  readonly #random: Random
  readonly #isLasting: boolean
  #countdown: number
  #failing: DiskOperationKind | undefined

  constructor(random: Random, operationsMax: number) {
    this.#random = random
    this.#countdown = randomBelow(random, operationsMax)
    this.#isLasting = random.float() < 0.3
  }

  faultOf({ kind, bytes }: DiskOperation): DiskFault | undefined {
    const codes = CODES[kind]
    if (codes === undefined || this.#countdown-- > 0) return undefined
    if (this.#failing !== undefined && !(this.#isLasting && kind === this.#failing)) return undefined
    this.#failing = kind
    this.hasFailed = true
    return {
      code: codes[randomBelow(this.#random, codes.length)] ?? 'EIO',
      writtenBytes: randomBelow(this.#random, bytes + 1),
      failedSync: this.#random.float() < 0.5 ? 'phantom' : 'revert',
    }
  }
}
