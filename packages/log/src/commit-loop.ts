/**
 * The heart: fills a commit, writes it, makes it durable, shows it, settles what was in it, and fills the next with
 * what came meanwhile. One commit is in flight; nothing lingers.
 *
 * Invariant: nothing is shown, applied or settled as stored before its commit is durable (in `os` mode: written).
 * A failed write or sync is never tried again on the same pages: the loop stops for good, and reading goes on.
 */
import { type Clock, type Deferred, deferred, type Logger, type Timer } from '@millrace/std'
import type { Ledger, Part, PartResult } from './api.ts'
import { AppendQueue, type AppendRequest } from './append-queue.ts'
import { type BuiltCommit, CommitBuilder } from './commit-builder.ts'
import type { CommitMemory } from './commit-memory.ts'
import { type ControlFrame, ControlQueue } from './control-queue.ts'
import { Deadlines } from './deadlines.ts'
import { FLAG_CLEAN_STOP, FLAG_OPEN, FLAG_SEAL, FRAME_CLOSE, FRAME_RECORDS } from './format/commit-format.ts'
import { applyFrame, type LedgerTable } from './ledger-table.ts'
import { PAGE_BYTES } from './limits.ts'
import { LogError } from './log-error.ts'
import type { Placement, Room, SegmentStore } from './segment-store.ts'
import type { TailCache } from './tail-cache.ts'

export interface CommitLoopOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly durability: 'fsync' | 'os'
  readonly queueBytesMax: number
  readonly sealIdleMs: number
  readonly memory: CommitMemory
  readonly table: LedgerTable
  readonly store: SegmentStore
  readonly tail: TailCache
  readonly epoch: number
  readonly lastCommit: number
  readonly lastCrc: number
  /** The newest commit with a frame that is not records, or one behind it; 0 if there is none. */
  readonly changeCommit: number
  /** Something proves that every frame up to the last commit was durable. */
  readonly isProven: boolean
  /** A new segment's first commit is durable. */
  readonly onRotated: () => void
  /** Nothing will ever be written again: the reason, for people. Called once at most; must not throw. */
  readonly onStopped: (reason: string) => void
}

/** An empty commit that is asked for. */
interface Mark {
  readonly flags: number
  /** It is for what it proves of those before: one that would take a page of the reserve and prove nothing is left out. */
  readonly isProof: boolean
  readonly done: Deferred<void>
}

/** Kept, as `queueMicrotask` makes an object of its own for each call that tools may ask about. */
const nextTurn = Promise.resolve()

/** A commit between filling and settling. */
interface Filled {
  readonly builder: CommitBuilder
  readonly controls: readonly ControlFrame[]
  readonly flags: number
  readonly mark: Deferred<void> | undefined
}

export class CommitLoop {
  readonly epoch: number
  readonly #options: CommitLoopOptions
  readonly #queue: AppendQueue
  readonly #controls = new ControlQueue()
  readonly #deadlines: Deadlines<AppendRequest>
  readonly #listeners = new Set<(ledgers: readonly Ledger[]) => void>()
  #lastCommit: number
  #lastCrc: number
  #changeCommit: number
  #syncedCommit: number
  #isRunning = false
  /** Set while something waits for space that is being made. */
  #isWaitingForSpace = false
  #inFlight: Filled | undefined
  #marks: Mark[] = []
  #isSealDue = false
  #sealTimer: Timer | undefined
  /** The last commit that has frames, and the last one that a durable commit behind it says to be durable. */
  #filledCommit: number
  #provenCommit: number
  /** The epoch has a commit. */
  #isBegun = false
  #state: 'open' | 'closing' | 'closed' = 'open'
  #failure: string | undefined
  #refusal: string | undefined

  constructor(options: CommitLoopOptions) {
    this.#options = options
    this.epoch = options.epoch
    this.#queue = new AppendQueue(options.queueBytesMax)
    this.#deadlines = new Deadlines(options.clock, (request) => {
      this.#queue.withdraw(request)
      request.settle('unknown')
      this.#queue.release(request)
    })
    this.#lastCommit = options.lastCommit
    this.#syncedCommit = options.lastCommit
    this.#filledCommit = options.lastCommit
    this.#provenCommit = options.isProven ? options.lastCommit : 0
    this.#lastCrc = options.lastCrc
    this.#changeCommit = options.changeCommit
  }

  /** The last visible commit. */
  get lastCommit(): number {
    return this.#lastCommit
  }

  get syncedCommit(): number {
    return this.#syncedCommit
  }

  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /**
   * Writes and syncs the first commit of the epoch. On the last pages of a disk that is found full only where it proves something,
   * and where there is one left: else the first one that is written begins the epoch, so that openings use nothing up.
   */
  async open(): Promise<void> {
    await this.#mark(FLAG_OPEN, { isProof: true })
  }

  /** Resolves when there is one more commit: an empty one if no other comes first. Rejects: LogError `unavailable | unknown | no-space`. */
  async seal(): Promise<void> {
    const reason = this.#whyClosed()
    if (reason !== undefined) throw new LogError('unavailable', reason)
    await this.#mark(FLAG_SEAL, { isProof: false })
  }

  append(parts: readonly Part[], deadlineMs: number): Promise<readonly PartResult[]> {
    if (this.#whyClosed() !== undefined) return refused(parts, 'unavailable')
    const request = this.#queue.offer(parts, this.#options.table, deadlineMs)
    if (request === undefined) return refused(parts, 'overloaded')
    if (!request.isSettled) {
      this.#deadlines.add(request)
      this.#kick()
    }
    return request.promise
  }

  /** Queues frames that are not records. Throws LogError `unavailable`. */
  control(frames: readonly ControlFrame[]): void {
    const reason = this.#whyClosed()
    if (reason !== undefined) throw new LogError('unavailable', reason)
    this.#controls.push(frames)
    this.#kick()
  }

  room(): number {
    return this.#queue.room()
  }

  async whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#whyClosed() !== undefined) return
    await this.#queue.whenRoom(bytes, signal)
  }

  onAdvance(listener: (ledgers: readonly Ledger[]) => void): Disposable {
    // A listener of its own each time, so that one function may listen twice.
    const own = (ledgers: readonly Ledger[]): void => listener(ledgers)
    this.#listeners.add(own)
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) }
  }

  /** False when nothing will ever be written again: it failed, refuses, or closes. */
  get isWritable(): boolean {
    return this.#whyClosed() === undefined
  }

  /** For people; `undefined` when appends are taken. */
  whyNotWritable(): string | undefined {
    const reason = this.#whyClosed()
    if (reason !== undefined) return reason
    return this.isFull ? `no space: ${this.#options.store.shortage ?? ''}` : undefined
  }

  /** Nothing but the reserve is left, and no more is on its way. */
  get isFull(): boolean {
    const { records, shortage } = this.#options.store.room()
    return shortage === 'no-space' && records === 0
  }

  /** From now on nothing more is taken. */
  refuseWrites(reason: string): void {
    this.#refusal ??= reason
    this.#queue.openDoors()
  }

  /** Makes durable what is visible now. In `fsync` mode it is. */
  async sync(): Promise<void> {
    if (this.#syncedCommit >= this.#lastCommit) return
    this.#needUnfailed()
    const commit = this.#lastCommit
    try {
      await this.#options.store.syncAll()
    } catch (error) {
      this.fail(error)
      throw error
    }
    this.#needUnfailed()
    this.#syncedCommit = Math.max(this.#syncedCommit, commit)
  }

  /** Of a sync that fails only one caller hears: after it, one that succeeds proves nothing. */
  #needUnfailed(): void {
    if (this.#failure !== undefined) throw new LogError('unavailable', this.#failure)
  }

  onSpace(): void {
    this.#isWaitingForSpace = false
    this.#kick()
  }

  /** Stops for good: what is in flight may or may not have been stored, what waits was not. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    const reason = `writing the log failed: ${error instanceof Error ? error.message : String(error)}`
    this.#failure = reason
    this.#options.logger.error('the log stops writing', { reason })
    this.#options.onStopped(reason)
    this.#sealTimer?.cancel()
    const filled = this.#inFlight
    this.#inFlight = undefined
    if (filled !== undefined) {
      for (const { request } of filled.builder.taken) this.#finish(request, 'unknown')
      for (const frame of filled.controls) frame.onFailed(new LogError('unknown', reason))
      filled.mark?.reject(new LogError('unknown', reason))
    }
    this.#refuseWaiting(reason)
    for (const { done } of this.#marks.splice(0)) done.reject(new LogError('unavailable', reason))
    this.#queue.openDoors()
  }

  /** Decides what is queued, then writes the clean-stop mark, where it is not left out as that of an opening is; false if that failed. */
  async close(): Promise<boolean> {
    this.#state = 'closing'
    // Nobody waits for space any longer: what does not fit now is refused.
    this.#isWaitingForSpace = false
    this.#queue.openDoors()
    try {
      // What may not be written on top of a loss is no mark either, and no snapshot that forgets the loss.
      if (this.#failure !== undefined || this.#refusal !== undefined) return false
      // Everything queued before goes into commits before this mark; what it says to be durable is made so.
      if (this.#options.durability === 'os') {
        await this.#mark(FLAG_SEAL, { isProof: true })
        await this.sync()
      }
      await this.#mark(FLAG_CLEAN_STOP, { isProof: true })
      return true
    } catch (error) {
      // Without the mark the next opening is as after a crash, and finds as much.
      this.#options.logger.warn('the log closes without its clean-stop mark', { reason: String(error) })
      return false
    } finally {
      this.#state = 'closed'
      this.#sealTimer?.cancel()
      this.#deadlines.stop()
    }
  }

  #whyClosed(): string | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#refusal !== undefined) return this.#refusal
    return this.#state === 'open' ? undefined : 'the log is closed'
  }

  async #mark(flags: number, { isProof }: Pick<Mark, 'isProof'>): Promise<void> {
    const done = deferred<void>()
    this.#marks.push({ flags, isProof, done })
    this.#kick()
    await done.promise
  }

  #kick(): void {
    if (this.#isRunning || this.#failure !== undefined || this.#state === 'closed') return
    this.#isRunning = true
    this.#sealTimer?.cancel()
    this.#sealTimer = undefined
    // What is appended in the same turn of the event loop goes into the same commit.
    void nextTurn.then(() => void this.#run())
  }

  async #run(): Promise<void> {
    try {
      for (let filled = this.#fill(); filled !== undefined; filled = this.#fill()) {
        this.#inFlight = filled
        const written = await this.#write(filled)
        if (this.#failure !== undefined) return
        // In flight until it is settled: should showing it fail, nobody in it waits for ever.
        this.#settle(filled, written)
        this.#inFlight = undefined
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#isRunning = false
    }
    this.#armSeal()
  }

  /** The next commit, or `undefined` when there is nothing to write or no room to write it. */
  #fill(): Filled | undefined {
    for (;;) {
      const filled = this.#tryToFill()
      if (filled !== 'decided') return filled
    }
  }

  /** `decided`: something was without a commit, for want of room, and what waited for it or behind it may go now. */
  #tryToFill(): Filled | 'decided' | undefined {
    if (this.#failure !== undefined || this.#isWaitingForSpace) return undefined
    const { store, clock } = this.#options
    const room = store.room()
    const isFinal = room.shortage === 'no-space' || this.#state !== 'open'
    const builder = new CommitBuilder(this.#lastCommit + 1, clock.now(), room.records)
    const { taken, missingBytes } = this.#controls.drainInto(builder, room)
    if (!this.#queue.isEmpty) this.#queue.drainInto(builder)
    if (!builder.isEmpty) return { builder, controls: taken, flags: 0, mark: undefined }

    if (missingBytes > 0 || builder.isShortOfRoom) {
      if (!isFinal) {
        this.#isWaitingForSpace = true
        store.hurry(Math.max(missingBytes, builder.missingBytes))
        return undefined
      }
      if (!builder.isShortOfRoom) this.#controls.refuseReady(this.#whyNoRoom, store.shortage ?? 'the log is closed')
      // Behind one that is too large for what is left, smaller ones may fit. In less than a page nothing does.
      else if (room.records >= PAGE_BYTES) this.#refuseHead()
      else this.#refuseAppends(this.#whyNoRoom)
      return 'decided'
    }
    const isSealDue = this.#isSealDue && room.changes >= PAGE_BYTES
    this.#isSealDue = false
    const [mark] = this.#marks
    if (mark === undefined) return isSealDue ? { builder, controls: [], flags: FLAG_SEAL, mark: undefined } : undefined
    const fate = this.#fateOf(mark, room)
    if (fate === 'awaited') {
      this.#isWaitingForSpace = true
      store.hurry()
      return undefined
    }
    this.#marks.shift()
    if (fate === 'written') return { builder, controls: [], flags: mark.flags, mark: mark.done }
    if (fate === 'left-out') mark.done.resolve()
    else mark.done.reject(new LogError('no-space', store.shortage ?? 'no room'))
    return 'decided'
  }

  /**
   * Marks use up no page of the reserve but to prove what is stored, and a log that has none left opens and closes all the
   * same. Of a disk that fails otherwise than by being full, a start is to say so: there the opening is tried.
   */
  #fateOf({ flags, isProof }: Mark, room: Room): 'written' | 'awaited' | 'left-out' | 'refused' {
    const isFull = room.shortage === 'no-space'
    if (isProof && room.records < PAGE_BYTES) {
      // A seal of the close proves nothing that the clean stop behind it does not.
      if (flags === FLAG_SEAL) return 'left-out'
      if (!this.#hasUnproven) {
        if (this.#state !== 'open' || (isFull && this.#options.store.isOutOfSpace)) return 'left-out'
        if (!isFull) return 'awaited'
      }
      if (isFull && room.proof < PAGE_BYTES) return 'left-out'
    }
    if ((isProof ? room.proof : room.log) >= PAGE_BYTES) return 'written'
    return isFull ? 'refused' : 'awaited'
  }

  get #hasUnproven(): boolean {
    return this.#filledCommit > this.#provenCommit
  }

  async #write({ builder, flags }: Filled): Promise<{ placement: Placement; built: BuiltCommit }> {
    const { store, durability } = this.#options
    const placement = store.place(builder.bytes, builder.commit, this.#lastCrc)
    // A header promises that all before it is durable.
    if (placement.isFirst && this.#syncedCommit < this.#lastCommit) {
      await store.syncRetired()
      this.#needUnfailed()
      this.#syncedCommit = this.#lastCommit
    }
    const leadBytes = placement.isFirst ? PAGE_BYTES : 0
    const built = builder.build(
      {
        version: placement.segment.start.version,
        commit: builder.commit,
        durable: this.#syncedCommit,
        epoch: this.epoch,
        previousCrc: this.#lastCrc,
        salt: placement.segment.start.salt,
        flags: this.#isBegun ? flags : flags | FLAG_OPEN,
        changeCommit: this.#changeCommit,
        leadBytes,
      },
      (bytes) => this.#options.memory.allocate(bytes),
    )
    if (builder.hasChange) this.#changeCommit = built.commit
    if (placement.isFirst) store.writeHeader(placement.segment, built.buffer.subarray(0, PAGE_BYTES))
    // Nothing of an epoch stands behind a first commit that a crash may tear.
    const mustSync = durability === 'fsync' || !this.#isBegun || (flags & FLAG_CLEAN_STOP) !== 0
    if (mustSync) await placement.file.writeAndSync(built.buffer, placement.offset)
    else await placement.file.write(built.buffer, placement.offset)
    if (mustSync) {
      this.#provenCommit = built.durable
      this.#syncedCommit = built.commit
    }
    this.#isBegun = true
    return { placement, built }
  }

  /** The commit is durable: show it, then tell everybody. */
  #settle(filled: Filled, { placement, built }: { placement: Placement; built: BuiltCommit }): void {
    const { segment, offset, isFirst } = placement
    const commitOffset = isFirst ? PAGE_BYTES : offset
    this.#lastCommit = built.commit
    this.#lastCrc = built.headerCrc
    if (built.frames.length > 0) this.#filledCommit = built.commit
    segment.lastCommit = built.commit
    segment.lastCrc = built.headerCrc
    segment.lastEpoch = this.epoch
    segment.usedBytes = offset + built.buffer.length
    const advanced: Ledger[] = []
    const { states } = filled.builder
    for (let place = 0; place < states.length; place++) {
      const frame = built.frames[place]
      const state = states[place]
      if (frame === undefined || state === undefined) break
      segment.memory?.add(frame, commitOffset)
      applyFrame(state, frame)
      if (frame.kind === FRAME_RECORDS || frame.kind === FRAME_CLOSE) advanced.push(frame.ledger)
    }
    this.#options.tail.add(built.commit, built.buffer, offset)
    for (const control of filled.controls) control.onDurable(built.commit, control.state.lastTimeMs)
    if (advanced.length > 0) this.#tell(advanced)
    for (const { request, part, frame, firstIndex } of filled.builder.taken) {
      const count = request.parts[part]?.records ?? 0
      const wasSettled = request.isSettled
      request.decide(part, { runs: [{ commit: built.commit, firstIndex, count, timeMs: frame.timeMs }] })
      if (request.isSettled && !wasSettled) this.#release(request)
    }
    filled.mark?.resolve()
    if (this.#state === 'open') this.#resolveSeals()
    this.#options.store.wake()
    if (isFirst) this.#options.onRotated()
  }

  /** Under load there is no empty one: whoever asked for it is content with any. */
  #resolveSeals(): void {
    for (const { done } of this.#marks.filter(({ flags }) => flags === FLAG_SEAL)) done.resolve()
    this.#marks = this.#marks.filter(({ flags }) => flags !== FLAG_SEAL)
  }

  /** A listener that throws harms nobody else: what it was told of is stored. */
  #tell(advanced: readonly Ledger[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(advanced)
      } catch (error) {
        this.#options.logger.error('a listener to the log failed', { error })
      }
    }
  }

  /** An idle log proves its tail: after this, damage to it is told from a torn tail. */
  #armSeal(): void {
    const isIdle = this.#failure === undefined && !this.#isRunning && this.#state === 'open'
    if (!isIdle || !this.#hasUnproven || this.#options.durability === 'os' || this.#isWaitingForSpace) return
    if (this.#options.store.room().changes < PAGE_BYTES) return
    this.#sealTimer = this.#options.clock.setTimer(
      this.#options.sealIdleMs,
      () => {
        this.#sealTimer = undefined
        this.#isSealDue = true
        this.#kick()
      },
      { unref: true },
    )
  }

  #refuseWaiting(reason: string): void {
    this.#controls.refuseAll('unavailable', reason)
    this.#refuseAppends('unavailable')
  }

  get #whyNoRoom(): 'unavailable' | 'no-space' {
    return this.#state === 'open' ? 'no-space' : 'unavailable'
  }

  /** Refuses the first append that waits. */
  #refuseHead(): void {
    const head = this.#queue.takeHead()
    if (head !== undefined) this.#finish(head, this.#whyNoRoom)
  }

  #refuseAppends(failure: 'unavailable' | 'no-space'): void {
    for (const request of this.#queue.takeAll()) this.#finish(request, failure)
  }

  #finish(request: AppendRequest, failure: 'unavailable' | 'no-space' | 'unknown'): void {
    if (request.isSettled) return
    request.settle(failure)
    this.#release(request)
  }

  #release(request: AppendRequest): void {
    this.#deadlines.delete(request)
    this.#queue.release(request)
  }
}

function refused(parts: readonly Part[], failure: 'unavailable' | 'overloaded'): Promise<readonly PartResult[]> {
  return Promise.resolve(parts.map(() => ({ runs: [], failure })))
}
