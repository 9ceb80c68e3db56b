/**
 * One segment file as the running log sees it: which commits it holds, and the index that finds frames in them.
 * Positions are commit numbers, so a segment is found by binary search over the first commits.
 */
import { assert, type Deferred, deferred, type Random } from '@millrace/std'
import type { FileIndex } from './file-index.ts'
import type { SegmentEnds } from './index-file.ts'
import type { GroupedSegment } from './format/control-format.ts'
import type { DamagedRange } from './format/index-format.ts'
import { PAGE_BYTES } from './limits.ts'
import type { MemoryIndex } from './memory-index.ts'
import type { IndexEntry, SegmentIndex } from './segment-index.ts'
import type { SegmentWalk, WalkStart } from './segment-walk.ts'

export interface SegmentStart {
  /** Of the format. 0 where only the index was read: nothing is written to such a segment. */
  readonly version: number
  readonly logId: Uint8Array
  readonly number: number
  readonly salt: bigint
  readonly firstCommit: number
  readonly previousCrc: number
  readonly createdMs: number
  readonly capacity: number
}

const NUMBER_DIGITS = 10

/** Regrouped segments have numbers from here on; their files are called `g0000000001`, counted from it. */
const GROUPED_NUMBERS = 2 ** 31

export function isGroupedNumber(number: number): boolean {
  return number > GROUPED_NUMBERS
}

/** The number of the regrouped segment that comes after those of `numbers`. */
export function nextGroupedNumber(numbers: readonly number[]): number {
  return Math.max(GROUPED_NUMBERS, ...numbers) + 1
}

/** `log/0000000042.seg`; a regrouped one's is `log/g0000000042.seg` */
export function segmentPath(number: number): string {
  return `log/${nameOf(number)}.seg`
}

export function indexPath(number: number): string {
  return `log/${nameOf(number)}.idx`
}

function nameOf(number: number): string {
  const [prefix, digits] = isGroupedNumber(number) ? ['g', number - GROUPED_NUMBERS] : ['', number]
  return prefix + String(digits).padStart(NUMBER_DIGITS, '0')
}

/** The number of the regrouped segment in `g0000000042.seg` (or another ending); `undefined` for other names. */
export function groupedNumberInName(name: string, ending: string): number | undefined {
  const number = name.startsWith('g') ? numberInName(name.slice(1), ending) : undefined
  return number === undefined ? undefined : GROUPED_NUMBERS + number
}

/** The number in `0000000042.seg` (or another ending); `undefined` for other names. */
export function numberInName(name: string, ending: string): number | undefined {
  if (!name.endsWith(ending)) return undefined
  const digits = name.slice(0, -ending.length)
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
}

export function newSalt(random: Random): bigint {
  const bytes = random.bytes(8)
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
}

export class Segment {
  readonly start: SegmentStart
  /** Set if the segment holds frames of others. */
  readonly grouped: GroupedSegment | undefined
  /** The last durable commit here; one below the first while there is none. */
  lastCommit: number
  lastCrc: number
  lastEpoch = 0
  usedBytes = 0
  damages: readonly DamagedRange[] = []
  /** Kept while the segment is active, in the tail cache, or its index file is being written. */
  memory: MemoryIndex | undefined
  file: FileIndex | undefined
  /** Something in it could not be read when it was to be written again: it stays as it is. */
  isUnfit = false
  /** The drive refuses pages of it: no index is written of what is left, since the drive may read them to a later opening. */
  isRefused = false
  #readers = 0
  #unread: Deferred<void> | undefined

  constructor(start: SegmentStart, grouped?: GroupedSegment) {
    this.start = start
    this.grouped = grouped
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

  /** The oldest frame time here; 0 where there is none. */
  get minTimeMs(): number {
    return this.file?.summary.minTimeMs ?? 0
  }

  /** The newest frame time here; 0 where there is none. */
  get maxTimeMs(): number {
    return this.memory?.maxTimeMs ?? this.file?.summary.maxTimeMs ?? 0
  }

  /** False for what only an index can say that is wrong: a place outside of the file is not even asked for. */
  holds({ offset, bytes }: Pick<IndexEntry, 'offset' | 'bytes'>): boolean {
    return offset >= PAGE_BYTES && offset + bytes <= Math.min(this.usedBytes, this.start.capacity)
  }

  /** How its commits, or its blocks, are walked again when it is complete. */
  get walkStart(): WalkStart {
    const { salt, firstCommit, previousCrc } = this.start
    const whole = { salt, epoch: 0, offset: PAGE_BYTES }
    if (this.grouped !== undefined) {
      const { blocks } = this.grouped
      return { ...whole, commit: 1, previousCrc: 0, provenCommit: blocks, endBefore: blocks + 1 }
    }
    const { lastCommit } = this
    return { ...whole, commit: firstCommit, previousCrc, provenCommit: lastCommit, endBefore: lastCommit + 1 }
  }

  /** Takes over what a walk has found. */
  takeWalk(walk: SegmentWalk): void {
    this.memory = walk.index
    this.file = undefined
    this.isRefused = walk.refused.size > 0
    if (this.grouped === undefined) {
      this.damages = walk.damages
      return
    }
    // What a lost block held may be of any commit of the segment; the chains of the ledgers tell of which.
    const { firstCommit, lastCommit } = this
    this.damages = walk.damages
      .slice(0, 1)
      .map(({ offset }) => ({ fromCommit: firstCommit, toCommit: lastCommit, offset }))
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
