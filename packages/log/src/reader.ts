/**
 * Finds and fetches frames. Tail hits are answered at once from the flush buffers; the rest is planned from the
 * indexes, fetched with few large reads, and checked against its checksum. Shows only what is durable: indexes hold
 * nothing else.
 */
import { BufferPool, type Clock, type Deferred, deferred, type Linked } from '@millrace/std'
import type { DamagedLedger, Frame, Ledger, Position, ReadOptions, ReadResult } from './api.ts'
import { damagedFrame } from './damaged-ledgers.ts'
import { Deadlines, type Expiring } from './deadlines.ts'
import { crc32 } from './format/crc32.ts'
import { FRAME_RECORDS } from './format/commit-format.ts'
import type { Hole, Holes } from './holes.ts'
import type { LedgerState } from './ledger-table.ts'
import { READ_GAP_BYTES, READ_KEPT_BYTES_MAX, READ_KEPT_BYTES_MIN, READ_SPAN_BYTES } from './limits.ts'
import { LogError } from './log-error.ts'
import type { OpenFiles } from './open-files.ts'
import { IndexDamagedError } from './page-cache.ts'
import { isRefusedRead, readAround } from './refused-read.ts'
import { comparePositions } from './position.ts'
import type { Segment } from './segment.ts'
import type { IndexEntry, IndexQuery } from './segment-index.ts'
import { bytesAskedFor, lowerBound, queryAll, recordsAskedFor } from './segment-index.ts'
import type { TailCache } from './tail-cache.ts'

export interface ReaderOptions {
  readonly clock: Clock
  readonly segments: readonly Segment[]
  readonly tail: TailCache
  readonly files: OpenFiles
  readonly holes: Holes
  readonly readBytesMax: number
  /** Builds the index of a segment again whose file is wrong. */
  readonly rebuildIndex: (segment: Segment) => Promise<void>
  readonly onDamage: (reason: string, ledgers?: readonly DamagedLedger[]) => void
}

/** Where a ledger ended when a read began. */
type Tip = Pick<LedgerState, 'end' | 'closedAtMs'>

interface PlannedFrame {
  readonly segment: Segment
  readonly entry: IndexEntry
}

/** Neighbouring frames that are fetched with one read, and what lies between them. */
interface Span {
  readonly segment: Segment
  readonly offset: number
  readonly bytes: number
  readonly frames: readonly PlannedFrame[]
}

/** The bytes of a span, as far as they could be read. */
interface Fetched {
  readonly span: Span
  readonly bytes: Uint8Array
}

/** Of one reader: libuv has four threads, and others want their turn. Twice as fast as one by one on a cold cache. */
const READS_AT_ONCE = 4

/** A read that waits until others give their bytes back. */
interface WaitingRead extends Expiring, Linked<WaitingRead> {
  readonly bytes: number
  readonly turn: Deferred<void>
}

interface Plan {
  readonly frames: readonly PlannedFrame[]
  readonly damaged: NonNullable<ReadResult['damaged']> | undefined
  /** True when no frame stands behind those planned. */
  readonly isComplete: boolean
}

const nothingLent = (): void => undefined

export class Reader {
  readonly #options: ReaderOptions
  #lentBytes = 0
  /** A page of a backlog took a fresh megabyte (bench: backlog; docs/decisions/151). */
  readonly #memory = new BufferPool({ bytesMin: READ_KEPT_BYTES_MIN, bytesKeptMax: READ_KEPT_BYTES_MAX })
  readonly #waiting: WaitingRead[] = []
  readonly #deadlines: Deadlines<WaitingRead>

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, (waiter) => {
      const place = this.#waiting.indexOf(waiter)
      if (place !== -1) this.#waiting.splice(place, 1)
      const reason = `${options.readBytesMax} bytes are lent to readers; none came back in time`
      waiter.turn.reject(new LogError('unavailable', reason))
    })
  }

  read(state: LedgerState, from: Position, options: ReadOptions): ReadResult | Promise<ReadResult> {
    const { end } = state
    if (comparePositions(from, end) >= 0) {
      const isClosed = state.closedAtMs !== undefined
      return { frames: [], next: isClosed ? end : from, atTip: true, ended: isClosed, release: nothingLent }
    }
    const visibleFromMs = Math.max(options.visibleFromMs, state.floorMs)
    return this.#readTail(state, from, visibleFromMs, options) ?? this.#readFiles(state, from, visibleFromMs, options)
  }

  /** Position of the first visible record with a time at or after `timeMs`; the end if there is none. */
  async seekTime(state: LedgerState, timeMs: number): Promise<Position> {
    const fromTimeMs = Math.max(timeMs, state.floorMs)
    const { end } = state
    if (state.endTimeMs < fromTimeMs) return end
    const query = seekQuery(state, fromTimeMs)
    const segments = this.#options.segments.slice(this.#segmentAt(state.openCommit))
    for (const segment of segments) segment.enter()
    try {
      for (const segment of segments) {
        if (segment.maxTimeMs < fromTimeMs || !segment.index.has(state.ledger)) continue
        const entries = await this.#collect(segment, query)
        const first = entries.find((entry) => entry.kind === FRAME_RECORDS)
        if (first !== undefined) return { commit: first.commit, index: 0 }
      }
      return end
    } finally {
      for (const segment of segments) segment.leave()
    }
  }

  /** All from memory, or `undefined`. */
  #readTail(state: LedgerState, from: Position, visibleFromMs: number, options: ReadOptions): ReadResult | undefined {
    const { segments, tail, holes } = this.#options
    if (!holes.isEmpty) return undefined
    const frames: Frame[] = []
    let records = 0
    let bytes = 0
    const isFull = (): boolean => records >= options.recordsMax || bytes >= options.bytesMax
    for (
      let place = this.#segmentAt(from.commit);
      place < segments.length && !(frames.length > 0 && isFull());
      place++
    ) {
      const segment = segments[place] as Segment
      if (segment.lastCommit < from.commit || segment.maxTimeMs < visibleFromMs || !segment.index.has(state.ledger))
        continue
      if (segment.memory === undefined) return frames.length === 0 ? undefined : resultOf(state, from, frames, false)
      const query = this.#query(state, from, visibleFromMs, options, records, bytes)
      for (const entry of segment.memory.collect(query)) {
        if (entry.kind !== FRAME_RECORDS) continue
        const view = tail.get(entry.commit, entry.offset, entry.bytes)
        if (view === undefined) return frames.length === 0 ? undefined : resultOf(state, from, frames, false)
        frames.push(frameOf(entry, view))
        records += recordsAskedFor(query, entry)
        bytes += bytesAskedFor(query, entry)
        if (isFull()) break
      }
    }
    return resultOf(state, from, frames, !isFull())
  }

  async #readFiles(
    state: LedgerState,
    from: Position,
    visibleFromMs: number,
    options: ReadOptions,
  ): Promise<ReadResult> {
    const entered: Segment[] = []
    // What follows while this read waits for the disk is for the next one.
    const tip: Tip = { end: state.end, closedAtMs: state.closedAtMs }
    try {
      const plan = await this.#plan(state, from, visibleFromMs, options, entered)
      const { spans, wanted, outside, isCut } = spansOf(plan.frames, this.#options.readBytesMax)
      await this.#borrow(wanted, options.deadlineMs)
      let fetched: readonly Fetched[] = []
      let isLent = true
      const release = (): void => {
        if (!isLent) return
        isLent = false
        for (const { bytes } of fetched) this.#memory.giveBack(bytes)
        this.#giveBack(wanted)
      }
      try {
        fetched = await this.#readSpans(spans)
        const { frames, bad = outside } = framesIn(fetched)
        const behind = isCut ? undefined : plan.damaged
        const damaged = bad === undefined ? behind : this.#damagedFrame(state, bad)
        const result = resultOf(tip, from, frames, plan.isComplete && !isCut && damaged === undefined)
        return { ...result, ...(damaged === undefined ? {} : { damaged, atTip: false, ended: false }), release }
      } catch (error) {
        release()
        throw error
      }
    } finally {
      for (const segment of entered) segment.leave()
    }
  }

  async #plan(
    state: LedgerState,
    from: Position,
    visibleFromMs: number,
    options: ReadOptions,
    entered: Segment[],
  ): Promise<Plan> {
    const frames: PlannedFrame[] = []
    let records = 0
    let bytes = 0
    let previousEnd = from
    let unseenCommit = from.commit
    const { durableFrameCommit } = state
    const segments = this.#options.segments.slice(this.#segmentAt(from.commit))
    for (const segment of segments) segment.enter()
    entered.push(...segments)
    for (const segment of segments) {
      if (segment.lastCommit < from.commit || segment.maxTimeMs < visibleFromMs || !segment.index.has(state.ledger))
        continue
      const query = this.#query(state, from, visibleFromMs, options, records, bytes)
      for (const entry of await this.#collect(segment, query)) {
        const hole = await this.#holeAt(segments, state.ledger, entry.previousCommit, unseenCommit)
        if (hole !== undefined) {
          return { frames, damaged: damagedBy(hole, previousEnd, entry.commit), isComplete: false }
        }
        unseenCommit = entry.commit + 1
        if (entry.kind !== FRAME_RECORDS) continue
        frames.push({ segment, entry })
        previousEnd = { commit: entry.commit, index: entry.records }
        records += recordsAskedFor(query, entry)
        bytes += bytesAskedFor(query, entry)
        if (records >= options.recordsMax || bytes >= options.bytesMax)
          return { frames, damaged: undefined, isComplete: false }
      }
    }
    const hole = await this.#holeAt(segments, state.ledger, durableFrameCommit, unseenCommit)
    const damaged = hole === undefined ? undefined : damagedBy(hole, previousEnd, Number.POSITIVE_INFINITY)
    return { frames, damaged, isComplete: true }
  }

  /** The hole in which the frame of `chainCommit` is lost, unless that lies before what is asked for or was seen. */
  async #holeAt(
    segments: readonly Segment[],
    ledger: Ledger,
    chainCommit: number,
    unseenCommit: number,
  ): Promise<Hole | undefined> {
    const { holes } = this.#options
    const hole = holes.isEmpty || chainCommit < unseenCommit ? undefined : holes.at(chainCommit)
    if (hole === undefined) return undefined
    // It may be passed over for its age or its index, or stand in a neighbour of the segment that was lost.
    const query = { ...queryAll(ledger, chainCommit), recordsMax: 1, bytesMax: 1 }
    for (const segment of segments) {
      if (segment.firstCommit > chainCommit || segment.lastCommit < chainCommit || !segment.index.has(ledger)) continue
      const entries = await this.#collect(segment, query)
      if (entries[0]?.commit === chainCommit) return undefined
    }
    return hole
  }

  async #collect(segment: Segment, query: IndexQuery): Promise<readonly IndexEntry[]> {
    try {
      return await segment.index.collect(query)
    } catch (error) {
      if (!(error instanceof IndexDamagedError)) throw error
      this.#options.onDamage(error.message)
      try {
        await this.#options.rebuildIndex(segment)
        return await segment.index.collect(query)
      } catch (cause) {
        this.#options.onDamage(`${segment.path}: neither its index nor the segment can be read`)
        throw new LogError('unavailable', `${segment.path} cannot be read now`, { cause })
      }
    }
  }

  #query(
    state: LedgerState,
    from: Position,
    visibleFromMs: number,
    options: ReadOptions,
    records: number,
    bytes: number,
  ): IndexQuery {
    return {
      ledger: state.ledger,
      fromCommit: Math.max(from.commit, state.openCommit),
      fromIndex: from.commit < state.openCommit ? 0 : from.index,
      fromTimeMs: visibleFromMs,
      recordsMax: options.recordsMax - records,
      bytesMax: options.bytesMax - bytes,
    }
  }

  /** The segment that holds `commit`, or the first one after it. */
  #segmentAt(commit: number): number {
    const { segments } = this.#options
    return lowerBound(0, segments.length, (place) => (segments[place]?.lastCommit ?? 0) >= commit)
  }

  /** Scattered frames of a backlog wait for one another's reads no longer than they must. */
  async #readSpans(spans: readonly Span[]): Promise<readonly Fetched[]> {
    const fetched: Fetched[] = []
    let next = 0
    const readOn = async (): Promise<void> => {
      for (let place = next++; place < spans.length; place = next++) {
        const span = spans[place] as Span
        fetched[place] = { span, bytes: this.#copyOfTail(span) ?? (await this.#readSpan(span)) }
      }
    }
    const lanes = Array.from({ length: Math.min(READS_AT_ONCE, spans.length) }, readOn)
    // All of them, before segments are let go of.
    const outcomes = await Promise.allSettled(lanes)
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return fetched
  }

  /** A view would keep the whole commit in memory, uncounted, when the tail has let go of it. */
  #copyOfTail({ offset, frames: [first, second] }: Span): Uint8Array | undefined {
    if (first === undefined || second !== undefined) return undefined
    return this.#options.tail.get(first.entry.commit, offset, first.entry.bytes)?.slice()
  }

  /** What could be read of it. A block that the drive refuses is damage; whatever else fails may pass. */
  async #readSpan({ segment, offset, bytes: length }: Span): Promise<Uint8Array> {
    try {
      const lease = await this.#options.files.acquire(segment.path)
      try {
        const bytes = this.#memory.take(length)
        const refused = new Set<number>()
        const readOn = (error: unknown): Promise<number> => readAround(error, lease.file, bytes, offset, refused)
        const read = await lease.file.read(bytes, offset).catch(readOn)
        for (const page of refused) {
          this.#options.onDamage(`${segment.path}: the drive refuses to read the page at offset ${page} (EIO)`)
        }
        return bytes.subarray(0, read)
      } finally {
        lease.release()
      }
    } catch (error) {
      if (!isRefusedRead(error))
        throw new LogError('unavailable', `${segment.path} cannot be read now`, { cause: error })
      this.#options.onDamage(`${segment.path}: reading ${length} bytes at offset ${offset} failed: ${error.message}`)
      return new Uint8Array(0)
    }
  }

  #damagedFrame(state: LedgerState, { segment, entry }: PlannedFrame): NonNullable<ReadResult['damaged']> {
    const reason =
      `${segment.path}: at offset ${entry.offset} the records of ledger ${state.ledger}, commit ${entry.commit}, ` +
      'cannot be read or fail their checksum'
    this.#options.onDamage(reason, [damagedFrame(state.ledger, entry)])
    return { from: { commit: entry.commit, index: 0 }, to: { commit: entry.commit, index: entry.records }, reason }
  }

  async #borrow(bytes: number, deadlineMs: number): Promise<void> {
    const { readBytesMax } = this.#options
    if (this.#waiting.length === 0 && (this.#lentBytes === 0 || this.#lentBytes + bytes <= readBytesMax)) {
      this.#lentBytes += bytes
      return
    }
    const waiter: WaitingRead = { bytes, deadlineMs, turn: deferred<void>() }
    this.#waiting.push(waiter)
    this.#deadlines.add(waiter)
    try {
      await waiter.turn.promise
    } finally {
      this.#deadlines.delete(waiter)
    }
  }

  #giveBack(bytes: number): void {
    this.#lentBytes -= bytes
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#lentBytes > 0 && this.#lentBytes + first.bytes > this.#options.readBytesMax) return
      this.#waiting.shift()
      this.#lentBytes += first.bytes
      first.turn.resolve()
    }
  }
}

interface Spans {
  readonly spans: readonly Span[]
  /** Bytes of all of them: what the read holds in memory until its frames are given back. */
  readonly wanted: number
  /** A frame that lies outside of its segment, as an index says that is wrong. Nothing is fetched from it on. */
  readonly outside: PlannedFrame | undefined
  /** Not all frames were taken. */
  readonly isCut: boolean
}

/**
 * Frames close together come with one read. What lies between them is held, too: small frames far apart are cut off
 * before they come to more than `bytesMax`; one frame is always taken.
 */
function spansOf(planned: readonly PlannedFrame[], bytesMax: number): Spans {
  const spans: Span[] = []
  const spanBytesMax = Math.min(READ_SPAN_BYTES, bytesMax)
  let wanted = 0
  for (let place = 0; place < planned.length;) {
    const first = planned[place] as PlannedFrame
    const { segment } = first
    if (!segment.holds(first.entry)) return { spans, wanted, outside: first, isCut: true }
    const { offset } = first.entry
    let end = offset + first.entry.bytes
    let last = place + 1
    for (; last < planned.length; last++) {
      const { segment: other, entry } = planned[last] as PlannedFrame
      const isNear = other === segment && entry.offset >= end && entry.offset - end <= READ_GAP_BYTES
      if (!isNear || entry.offset + entry.bytes - offset > spanBytesMax || !segment.holds(entry)) break
      end = entry.offset + entry.bytes
    }
    const bytes = end - offset
    if (spans.length > 0 && wanted + bytes > bytesMax) return { spans, wanted, outside: undefined, isCut: true }
    spans.push({ segment, offset, bytes, frames: planned.slice(place, last) })
    wanted += bytes
    place = last
  }
  return { spans, wanted, outside: undefined, isCut: false }
}

/** Stops before the first frame that fails its checksum. */
function framesIn(fetched: readonly Fetched[]): { frames: readonly Frame[]; bad?: PlannedFrame } {
  const frames: Frame[] = []
  for (const { span, bytes } of fetched) {
    for (const frame of span.frames) {
      const { entry } = frame
      const start = entry.offset - span.offset
      const payload = bytes.subarray(start, start + entry.bytes)
      if (payload.length < entry.bytes || crc32(payload) !== entry.crc) return { frames, bad: frame }
      frames.push(frameOf(entry, payload))
    }
  }
  return { frames }
}

function seekQuery({ ledger, openCommit }: LedgerState, fromTimeMs: number): IndexQuery {
  return { ledger, fromCommit: openCommit, fromIndex: 0, fromTimeMs, recordsMax: 1, bytesMax: Number.POSITIVE_INFINITY }
}

function frameOf(entry: IndexEntry, bytes: Uint8Array): Frame {
  return { commit: entry.commit, firstIndex: 0, records: entry.records, timeMs: entry.timeMs, bytes }
}

function damagedBy(hole: Hole, previousEnd: Position, nextCommit: number): NonNullable<ReadResult['damaged']> {
  const start = { commit: hole.from, index: 0 }
  return {
    from: comparePositions(previousEnd, start) > 0 ? previousEnd : start,
    to: { commit: Math.min(hole.to + 1, nextCommit), index: 0 },
    reason: `commits ${hole.from} to ${hole.to} cannot be read: ${hole.reason}`,
  }
}

/** `isComplete`: nothing stood behind the frames when the ledger ended at `tip.end`. */
function resultOf(tip: Tip, from: Position, frames: readonly Frame[], isComplete: boolean): ReadResult {
  const last = frames.at(-1)
  const afterLast = last === undefined ? from : { commit: last.commit, index: last.records }
  const next = isComplete && comparePositions(afterLast, tip.end) < 0 ? tip.end : afterLast
  const atTip = comparePositions(next, tip.end) >= 0
  return { frames, next, atTip, ended: atTip && tip.closedAtMs !== undefined, release: nothingLent }
}
