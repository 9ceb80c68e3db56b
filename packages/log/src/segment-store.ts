/**
 * The segment files of a running log: the active one, the next one prepared ahead, the spares. Rotation costs no sync
 * of its own: the next file stands ready under its name, and its header goes out with its first commit.
 *
 * Space is zeroed before it is written, in paced steps; segments that retention lets go come back as spares. So
 * writing a commit never needs space on the file system: only preparing does, and only preparing can be short of it.
 */
import type { Clock, Logger, Random, Timer } from '@millrace/std'
import { assert } from '@millrace/std'
import type { AllocateBuffer, Disk, DiskFile } from './disk.ts'
import { encodeSegmentHeader } from './format/segment-header.ts'
import {
  PAGE_BYTES,
  RESERVE_BYTES,
  RESERVE_LEFT,
  SPACE_RETRY_MS,
  SPARES_MAX,
  ZERO_AHEAD_BYTES,
  ZERO_PACE_MS,
  ZERO_STEP_BYTES,
} from './limits.ts'
import { LogError } from './log-error.ts'
import { MemoryIndex } from './memory-index.ts'
import { Scraps } from './scraps.ts'
import { newSalt, numberInName, Segment, segmentPath } from './segment.ts'

export interface SegmentStoreOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly allocate: AllocateBuffer
  readonly logId: Uint8Array
  readonly segmentBytes: number
  /** Version of the format of new segments. */
  readonly segmentVersion: number
  readonly freeBytesMin: number
  readonly bytesMax: number
  /** What snapshots take. */
  readonly snapshotBytes: () => number
  /** Space was made ready, or was found to be short. */
  readonly onSpace: () => void
  /** The active file failed under the background's hands: nothing more may be written to it. */
  readonly onFailure: (error: unknown) => void
}

/** A file that is written from the front. Below `zeroedTo` every block has been written before. */
interface ReadyFile {
  readonly number: number
  readonly file: DiskFile
  readonly capacity: number
  zeroedTo: number
}

/** A file of which the first `zeroedTo` bytes have been written; the rest is zeroed when it is active. */
interface Spare {
  readonly path: string
  readonly zeroedTo: number
}

interface ActiveFile extends ReadyFile {
  readonly segment: Segment
  offset: number
}

/** What is done for space, one thing at a time. What there is gets its zeros, whether or not more can be made. */
interface Job {
  readonly kind: 'zero' | 'make'
  run(): Promise<void>
}

interface Shortage {
  /** For people. */
  readonly reason: string
  /** There is no space. Else the disk fails otherwise. */
  readonly isOfSpace: boolean
}

/** The header page, and that of the first commit's header. */
const BLANK_BYTES = 2 * PAGE_BYTES

/** What a commit is for: how far it may go into the reserve. */
export type Purpose = keyof typeof RESERVE_LEFT

/** Bytes that a commit may take now, by what is in it. */
export interface Room extends Readonly<Record<Purpose, number>> {
  /** An empty commit that proves those before it: it may take the page behind the reserve, and nothing else may. */
  readonly proof: number
  /** Why there is no more: more is on its way, or the disk is full. */
  readonly shortage: 'preparing' | 'no-space'
}

/** Where a commit goes. `header` is set when it is the first of its segment and both are written at offset 0. */
export interface Placement {
  readonly segment: Segment
  readonly file: DiskFile
  readonly offset: number
  readonly isFirst: boolean
}

export class SegmentStore {
  readonly #options: SegmentStoreOptions
  readonly #reserveBytes: number
  /** Written over and over: as many as were wanted at once. */
  #zeros: Uint8Array = new Uint8Array(0)
  /** In order; the last one is active. */
  readonly segments: Segment[]
  #active: ActiveFile | undefined
  #next: ReadyFile | undefined
  #spares: Spare[] = []
  readonly #scraps: Scraps
  #spareNumber = 0
  /** The file that was last begun as a spare: should it fail and stay, none is begun after it. */
  #begun: string | undefined
  #lastNumber: number
  /** Why the last job of a kind failed; of no account where there is none any more. */
  readonly #shortages = new Map<Job['kind'], Shortage>()
  /** Kinds that failed, until they are tried again. */
  readonly #paused = new Set<Job['kind']>()
  #isUrgent = false
  #wantedBytes = ZERO_AHEAD_BYTES
  /** With so many bytes ready, whoever waits can go on. */
  #urgentBytes = 0
  #isClosed = false
  #working: Promise<void> | undefined
  #retry: Timer | undefined
  #endPause: (() => void) | undefined
  /** Files of segments that are full; closed when their index is written. */
  readonly #retired = new Map<Segment, DiskFile>()

  constructor(options: SegmentStoreOptions, segments: readonly Segment[]) {
    this.#options = options
    this.segments = [...segments]
    this.#scraps = new Scraps(options.disk)
    this.#lastNumber = Math.max(0, ...segments.flatMap(({ grouped, number }) => (grouped === undefined ? number : [])))
    this.#reserveBytes = Math.min(RESERVE_BYTES, Math.floor(options.segmentBytes / 4))
  }

  get active(): Segment | undefined {
    return this.#active?.segment
  }

  get spares(): number {
    return this.#spares.length + (this.#next === undefined ? 0 : 1)
  }

  /** What segments and spares take. */
  get segmentBytes(): number {
    let bytes = (this.#next?.capacity ?? 0) + this.#spares.length * this.#options.segmentBytes
    for (const segment of this.segments) bytes += segment.start.capacity
    return bytes
  }

  /** What the log would take with one segment more. Indexes that are still to be written are counted as those that are, on average, or as a page. */
  get #bytesWithNext(): number {
    let indexes = 0
    let indexBytes = 0
    for (const { file } of this.segments) {
      if (file === undefined) continue
      indexes++
      indexBytes += file.bytes
    }
    const segments = this.segments.length + this.spares + 1
    const bytes = this.segmentBytes + this.#options.segmentBytes + this.#options.snapshotBytes()
    return bytes + Math.ceil((indexes === 0 ? PAGE_BYTES : indexBytes / indexes) * segments)
  }

  /** What the files that are begun will still take of the disk. */
  get unwrittenBytes(): number {
    let bytes = 0
    for (const file of [this.#active, this.#next]) if (file !== undefined) bytes += file.capacity - file.zeroedTo
    for (const { zeroedTo } of this.#spares) bytes += this.#options.segmentBytes - zeroedTo
    return bytes
  }

  /** Why no segment can be prepared, for people. */
  get shortage(): string | undefined {
    return this.#shortage?.reason
  }

  /** No segment can be prepared since there is no space, and for no other reason. */
  get isOutOfSpace(): boolean {
    return this.#shortage?.isOfSpace === true
  }

  get #shortage(): Shortage | undefined {
    return this.#zeroShortage ?? (this.#makeJob() === undefined ? undefined : this.#shortages.get('make'))
  }

  /** What a log begins with: its reserve, and something beside it. */
  get #firstBytes(): number {
    return this.#reserveBytes + ZERO_STEP_BYTES
  }

  get #zeroShortage(): Shortage | undefined {
    return this.#fileToZero() === undefined ? undefined : this.#shortages.get('zero')
  }

  /** Takes over what recovery found; afterwards the last segment is written on, or a first one stands ready. */
  async open(isLastOpen: boolean, unusedNumbers: readonly number[], lastNumber: number): Promise<void> {
    const { disk, segmentBytes } = this.#options
    this.#lastNumber = Math.max(this.#lastNumber, lastNumber)
    const last = this.segments.at(-1)
    if (isLastOpen && last !== undefined) {
      const file = await disk.open(last.path)
      const { number, start, usedBytes } = last
      const zeroedTo = await file.size()
      this.#active = { number, segment: last, file, capacity: start.capacity, zeroedTo, offset: usedBytes }
    }
    for (const name of await disk.list('spare')) {
      const path = `spare/${name}`
      this.#spareNumber = Math.max(this.#spareNumber, numberInName(name, '.seg') ?? 0)
      await this.#keepOrRemove(path)
    }
    for (const number of unusedNumbers) {
      const path = segmentPath(number)
      await this.#blank(path)
      const isNext = number === this.#lastNumber + 1 && this.#next === undefined
      const zeroedTo = isNext ? await this.#sizeOf(path) : 0
      // Who waited for it went on when it held the reserve and a step. A full disk may have no room for another one.
      if (zeroedTo >= Math.min(segmentBytes, this.#firstBytes) && zeroedTo <= segmentBytes) {
        this.#next = { number, file: await disk.open(path), capacity: segmentBytes, zeroedTo }
      } else {
        await this.#moveToSpares(path)
      }
    }
    await disk.syncDirectory('log')
    await disk.syncDirectory('spare')
    if (this.#active === undefined && this.#next === undefined) await this.#makeNext(this.#firstBytes)
  }

  /** How much may be written now. */
  room(): Room {
    const active = this.#active
    const shortage = this.#isShort() ? 'no-space' : 'preparing'
    const left = active === undefined ? 0 : Math.min(active.zeroedTo, active.capacity) - active.offset
    if (this.#next !== undefined) {
      const { zeroedTo, capacity } = this.#next
      const proof = Math.max(zeroedTo - PAGE_BYTES - (zeroedTo < capacity ? this.#reserveBytes : 0), left)
      const room = Math.max(0, proof - PAGE_BYTES)
      return { records: room, changes: room, retention: room, trims: room, space: room, log: room, proof, shortage }
    }
    const roomFor = (purpose: Purpose): number =>
      Math.max(0, left - PAGE_BYTES - pagesOf(this.#reserveBytes * RESERVE_LEFT[purpose]))
    return {
      records: roomFor('records'),
      changes: roomFor('changes'),
      retention: roomFor('retention'),
      trims: roomFor('trims'),
      space: roomFor('space'),
      log: roomFor('log'),
      proof: left,
      shortage,
    }
  }

  /** No more is on its way: zeros fail, or all have been written and no further file can be made. */
  #isShort(): boolean {
    if (this.#zeroShortage !== undefined) return true
    if (!this.#shortages.has('make') || this.#next !== undefined) return false
    return this.#active === undefined || this.#active.zeroedTo >= this.#active.capacity
  }

  /** Makes a place for a commit of `bytes`, which `room` has allowed. Moves on to the next segment where it must. */
  place(bytes: number, commit: number, previousCrc: number): Placement {
    const active = this.#active
    if (active !== undefined && active.offset + bytes <= Math.min(active.zeroedTo, active.capacity)) {
      const offset = active.offset
      active.offset += bytes
      return { segment: active.segment, file: active.file, offset, isFirst: false }
    }
    const next = this.#next
    assert(next !== undefined, 'a commit is placed only where there is room')
    if (active !== undefined) this.#retired.set(active.segment, active.file)
    const segment = new Segment({
      version: this.#options.segmentVersion,
      logId: this.#options.logId,
      number: next.number,
      salt: newSalt(this.#options.random),
      firstCommit: commit,
      previousCrc,
      createdMs: this.#options.clock.now(),
      capacity: next.capacity,
    })
    segment.memory = new MemoryIndex()
    // The same object: zeros may be on their way into it.
    this.#active = Object.assign(next, { segment, offset: PAGE_BYTES + bytes })
    this.#next = undefined
    this.#lastNumber = next.number
    this.segments.push(segment)
    return { segment, file: next.file, offset: 0, isFirst: true }
  }

  /** The header page that goes out with the first commit of `segment`. */
  writeHeader(segment: Segment, into: Uint8Array): void {
    encodeSegmentHeader({ ...segment.start, isGrouped: false, retentionClass: 0, logNumber: 0 }, into)
  }

  /** Looks whether something is to be prepared. Cheap; called after each commit. */
  wake(): void {
    if (this.#isClosed || this.#working !== undefined) return
    if (this.#nextJob() === undefined && (this.#scraps.isEmpty || this.#retry !== undefined)) return
    this.#working = this.#work()
  }

  /** Somebody waits for space, for a commit of so many bytes: prepare without pauses. */
  hurry(bytes = PAGE_BYTES): void {
    this.#isUrgent = true
    this.#wantedBytes = Math.max(this.#wantedBytes, bytes + PAGE_BYTES + this.#reserveBytes)
    this.#urgentBytes = PAGE_BYTES + bytes + this.#reserveBytes + ZERO_STEP_BYTES
    this.#endPause?.()
    this.wake()
  }

  /** Makes durable all that was written before: where the next segment has just begun, the last of it is in a full one. */
  async syncAll(): Promise<void> {
    const active = this.#active
    await this.syncRetired()
    // Full meanwhile, and let go of: then it was synced before.
    const isOpen = active !== undefined && (active === this.#active || this.#retired.has(active.segment))
    if (isOpen) await active.file.sync()
  }

  /** Makes durable what stands in the full segments whose files are still open. */
  async syncRetired(): Promise<void> {
    for (const file of this.#retired.values()) await file.sync()
  }

  /** Lets go of the file of a full segment. */
  async retire(segment: Segment): Promise<void> {
    const file = this.#retired.get(segment)
    this.#retired.delete(segment)
    await file?.close()
  }

  /** Takes the file of a freed segment back as a spare, or removes it. Nobody may be reading it. */
  async recycle(path: string): Promise<void> {
    try {
      await this.#moveToSpares(path)
      await this.#options.disk.syncDirectory('log')
      await this.#options.disk.syncDirectory('spare')
    } finally {
      // What is under way has begun without it, and may fail.
      void this.#working?.then(() => this.#retryNow())
      this.#retryNow()
    }
  }

  /** `outputs` hold from now on what `inputs` held. Nobody new will enter these. */
  replace(inputs: readonly Segment[], outputs: readonly Segment[]): void {
    const last = inputs.at(-1)
    assert(last !== undefined && this.segments.includes(last), 'what is replaced is in the log')
    this.segments.splice(this.segments.indexOf(last) + 1, 0, ...outputs)
    for (const segment of inputs) this.segments.splice(this.segments.indexOf(segment), 1)
  }

  /** Ends the background and closes the files. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#endPause?.()
    await this.#working
    await this.#active?.file.close()
    await this.#next?.file.close()
    for (const file of this.#retired.values()) await file.close()
    this.#retired.clear()
  }

  #nextJob(): Job | undefined {
    const makes = !this.#paused.has('make')
    // It takes no space, and there may be none even for the zeros that come first otherwise.
    if (makes && this.shortage !== undefined && this.#next === undefined && this.#spares.length > 0) {
      return { kind: 'make', run: () => this.#makeNext(0) }
    }
    const file = this.#paused.has('zero') ? undefined : this.#fileToZero()
    if (file !== undefined) return { kind: 'zero', run: () => this.#zero(file) }
    return makes ? this.#makeJob() : undefined
  }

  #fileToZero(): ReadyFile | undefined {
    const active = this.#active
    const next = this.#next
    if (active !== undefined && active.zeroedTo < Math.min(active.capacity, active.offset + this.#wantedBytes)) {
      return active
    }
    return next !== undefined && this.#isTooSmall(next) ? next : undefined
  }

  #makeJob(): Job | undefined {
    const { segmentBytes } = this.#options
    const active = this.#active
    const used = active === undefined ? 1 : active.offset / active.capacity
    if (this.#next === undefined) {
      if (!this.#isUrgent && used <= 0.25) return undefined
      return { kind: 'make', run: () => this.#makeNext(segmentBytes) }
    }
    if (this.#spares.length > 0 || used <= 0.5) return undefined
    return { kind: 'make', run: () => this.#makeSpare(segmentBytes) }
  }

  /** It was made for somebody who waited with less. */
  #isTooSmall({ zeroedTo, capacity }: ReadyFile): boolean {
    return zeroedTo < Math.min(capacity, this.#urgentBytes)
  }

  async #work(): Promise<void> {
    await this.#scraps.remove()
    for (let job = this.#nextJob(); job !== undefined && !this.#isClosed; job = this.#nextJob()) {
      await this.#try(job)
      this.#options.onSpace()
    }
    // In the same turn as the last look for a job: whoever hurries from now on is heard.
    this.#working = undefined
  }

  /** A kind that fails is left alone for a while. Never rejects. */
  async #try(job: Job): Promise<void> {
    const wasShort = this.shortage !== undefined
    try {
      await job.run()
      this.#shortages.delete(job.kind)
      if (wasShort && this.shortage === undefined) this.#options.logger.info('there is space again')
      if (this.#next !== undefined && !this.#isTooSmall(this.#next)) this.#isUrgent = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!wasShort) this.#options.logger.warn('no segment can be prepared', { reason })
      this.#shortages.set(job.kind, { reason, isOfSpace: isOutOfSpace(error) })
      this.#paused.add(job.kind)
      this.#retry ??= this.#options.clock.setTimer(SPACE_RETRY_MS, () => this.#retryNow(), { unref: true })
    }
  }

  #retryNow(): void {
    this.#retry?.cancel()
    this.#retry = undefined
    this.#paused.clear()
    this.wake()
  }

  /** Zeros the next step of a file that commits go into, now or next. */
  async #zero(file: ReadyFile): Promise<void> {
    const from = file.zeroedTo
    const to = Math.min(from + ZERO_STEP_BYTES, file.capacity)
    await file.file.write(this.#zerosOf(to - from), from)
    try {
      await file.file.sync()
    } catch (error) {
      // Commits may be what could not be synced, also where others have gone on in the next file meanwhile. In that one
      // the zeros are written again.
      if (file !== this.#next) this.#options.onFailure(error)
      throw error
    }
    file.zeroedTo = to
    await this.#pause()
  }

  /** Puts a file under the name of the next segment: a spare, or a new one of which `zeroBytes` are written. */
  async #makeNext(zeroBytes: number): Promise<void> {
    const { disk, segmentBytes } = this.#options
    if (this.#spares.length === 0) await this.#makeSpare(Math.min(zeroBytes, segmentBytes))
    const spare = this.#spares.pop()
    if (spare === undefined) return
    const number = this.#lastNumber + 1
    const path = segmentPath(number)
    try {
      await disk.rename(spare.path, path)
    } catch (error) {
      this.#scraps.add(spare.path)
      throw error
    }
    await disk.syncDirectory('log')
    await disk.syncDirectory('spare')
    this.#next = { number, file: await disk.open(path), capacity: segmentBytes, zeroedTo: spare.zeroedTo }
  }

  async #makeSpare(zeroBytes: number): Promise<void> {
    const { disk, segmentBytes, freeBytesMin, bytesMax } = this.#options
    if (this.#begun !== undefined) this.#scraps.needGone([this.#begun])
    if (this.#bytesWithNext > bytesMax) {
      throw new LogError('no-space', `the log has reached its bound of ${bytesMax} bytes`)
    }
    const free = await disk.freeBytes()
    const begun = this.unwrittenBytes
    if (free - begun - segmentBytes < freeBytesMin) {
      throw new LogError(
        'no-space',
        `${free} bytes are free on the disk; those begun take ${begun} more, a segment takes ${segmentBytes}, and ` +
          `${freeBytesMin} stay free`,
      )
    }
    const path = `spare/${String(++this.#spareNumber).padStart(10, '0')}.seg`
    const file = await disk.create(path)
    this.#begun = path
    let zeroedTo = 0
    try {
      // Who waits is helped by the first few steps; the rest follows ahead of the commits.
      while (zeroedTo < zeroBytes && !this.#isClosed && !(this.#isUrgent && zeroedTo >= this.#urgentBytes)) {
        const step = Math.min(ZERO_STEP_BYTES, zeroBytes - zeroedTo)
        await file.writeAndSync(this.#zerosOf(step), zeroedTo)
        zeroedTo += step
        await this.#pause()
      }
      if (!this.#isClosed) await disk.syncDirectory('spare')
    } catch (error) {
      this.#scraps.add(path)
      throw error
    } finally {
      await file.close()
      await this.#scraps.remove()
    }
    if (this.#isClosed) return
    this.#spares.push({ path, zeroedTo })
  }

  /** Lets commits pass; none where they would soon have to wait for space. */
  #pause(): Promise<void> {
    if (this.#isUrgent || this.#isClosed || this.#isPressed()) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(ZERO_PACE_MS, end, { unref: true })
      const pauseEnds = (): void => {
        this.#endPause = undefined
        timer.cancel()
        resolve()
      }
      this.#endPause = pauseEnds
      function end(): void {
        pauseEnds()
      }
    })
  }

  /** The commits are about to catch up with the zeros. */
  #isPressed(): boolean {
    const active = this.#active
    if (active === undefined) return true
    if (active.zeroedTo < active.capacity) return active.zeroedTo - active.offset < ZERO_AHEAD_BYTES / 4
    return this.#next === undefined && active.offset > active.capacity * 0.75
  }

  #zerosOf(length: number): Uint8Array {
    if (this.#zeros.length < length) this.#zeros = this.#options.allocate(length)
    return this.#zeros.subarray(0, length)
  }

  async #keepOrRemove(path: string): Promise<void> {
    const isWhole = (await this.#sizeOf(path)) === this.#options.segmentBytes
    if (isWhole && this.#spares.length < SPARES_MAX) this.#spares.push({ path, zeroedTo: this.#options.segmentBytes })
    else await this.#options.disk.remove(path)
  }

  async #moveToSpares(path: string): Promise<void> {
    const spare = `spare/${String(++this.#spareNumber).padStart(10, '0')}.seg`
    await this.#options.disk.rename(path, spare)
    try {
      await this.#keepOrRemove(spare)
    } catch (error) {
      this.#scraps.add(spare)
      throw error
    }
  }

  /**
   * Takes the beginning of an unused segment away, durably. What recovery has seen there may stand in the page cache only,
   * and a loss of power would bring back a header, and a torn commit, of a segment that was begun and given up: by then
   * the log goes on elsewhere with the same commit number.
   */
  async #blank(path: string): Promise<void> {
    const file = await this.#options.disk.open(path)
    try {
      const length = Math.min(await file.size(), BLANK_BYTES)
      if (length === 0) return
      await file.write(this.#zerosOf(length), 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#options.disk.open(path)
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  }
}

function isOutOfSpace(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'no-space' || error.code === 'ENOSPC' || error.code === 'EDQUOT'
}

/** Rounded up to whole pages. */
function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}
