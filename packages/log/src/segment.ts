/**
 * One segment file as the running log sees it: which commits it holds, and the index that finds frames in them.
 * Positions are commit numbers, so a segment is found by binary search over the first commits.
 */
import { assert, type Deferred, deferred } from '@millrace/std'
import type { FileIndex } from './file-index.ts'
import type { SegmentEnds } from './index-file.ts'
import type { DamagedRange } from './format/index-format.ts'
import type { MemoryIndex } from './memory-index.ts'
import type { SegmentIndex } from './segment-index.ts'

export interface SegmentStart {
  readonly logId: Uint8Array
  readonly number: number
  readonly salt: bigint
  readonly firstCommit: number
  readonly previousCrc: number
  readonly createdMs: number
  readonly capacity: number
}

const NUMBER_DIGITS = 10

/** `log/0000000042.seg` */
export function segmentPath(number: number): string {
  return `log/${String(number).padStart(NUMBER_DIGITS, '0')}.seg`
}

export function indexPath(number: number): string {
  return `log/${String(number).padStart(NUMBER_DIGITS, '0')}.idx`
}

/** The number in `0000000042.seg` (or another ending); `undefined` for other names. */
export function numberInName(name: string, ending: string): number | undefined {
  if (!name.endsWith(ending)) return undefined
  const digits = name.slice(0, -ending.length)
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
}

export class Segment {
  readonly start: SegmentStart
  /** The last durable commit here; one below the first while there is none. */
  lastCommit: number
  lastCrc: number
  lastEpoch = 0
  usedBytes = 0
  damages: readonly DamagedRange[] = []
  /** Kept while the segment is active, in the tail cache, or its index file is being written. */
  memory: MemoryIndex | undefined
  file: FileIndex | undefined
  #readers = 0
  #unread: Deferred<void> | undefined

  constructor(start: SegmentStart) {
    this.start = start
    this.lastCommit = start.firstCommit - 1
    this.lastCrc = start.previousCrc
  }

  get number(): number {
    return this.start.number
  }

  get firstCommit(): number {
    return this.start.firstCommit
  }

  get path(): string {
    return segmentPath(this.start.number)
  }

  get index(): SegmentIndex {
    const index = this.memory ?? this.file
    assert(index !== undefined, `segment ${this.number} has an index`)
    return index
  }

  /** The newest frame time here; 0 where there is none. */
  get maxTimeMs(): number {
    return this.memory?.maxTimeMs ?? this.file?.summary.maxTimeMs ?? 0
  }

  get ends(): SegmentEnds {
    const { logId, number, salt, firstCommit, previousCrc } = this.start
    const { lastCommit, lastCrc, lastEpoch, usedBytes } = this
    return { logId, number, salt, firstCommit, previousCrc, lastCommit, lastCrc, lastEpoch, usedBytes }
  }

  /** From here to `leave` the file is neither recycled nor removed. */
  enter(): void {
    this.#readers++
  }

  leave(): void {
    this.#readers--
    if (this.#readers === 0) this.#unread?.resolve()
  }

  /** Resolves when no reader is inside. New ones must be kept out before. */
  async whenUnread(): Promise<void> {
    if (this.#readers === 0) return
    this.#unread ??= deferred<void>()
    await this.#unread.promise
  }
}
