/**
 * An embedded, segmented, append-only log of many ledgers interleaved behind group commits.
 *
 * Invariant: what a promise of this class has called stored, and what `read`, `bounds` or a listener ever showed, is
 * durable and is found again after any crash. It knows no streams, no records inside the bytes, and no wall-clock
 * retention: space is given back only below the floors it was given.
 *
 * This file is the face: it keeps the book of ledgers and hands out positions. `commit-loop.ts` writes, `reader.ts`
 * reads, `upkeep.ts` cleans up behind, `recovery/` begins.
 */
import { assert, deferred, type Deferred, type Linked, silentLogger } from '@millrace/std'
import type {
  ClosedLedger,
  Deadline,
  Ledger,
  LedgerBounds,
  LogHealth,
  LogHold,
  LogOptions,
  LogStatistics,
  MetadataOptions,
  OpenLedger,
  Part,
  PartResult,
  Position,
  ReadOptions,
  ReadResult,
  TrimFloor,
} from './api.ts'
import { CommitLoop } from './commit-loop.ts'
import { CommitMemory } from './commit-memory.ts'
import { closeFrame, ownFrame } from './control-frames.ts'
import type { ControlFrame } from './control-queue.ts'
import type { AllocateBuffer } from './disk.ts'
import { DamageLog } from './damage-log.ts'
import { type Expiring, Deadlines } from './deadlines.ts'
import {
  FRAME_DROP,
  FRAME_FREED,
  FRAME_METADATA,
  FRAME_OPEN,
  FRAME_REGROUPED,
  FRAME_TRIM,
} from './format/commit-format.ts'
import { encodeDrop, encodeFreed, encodeRegrouping, encodeTrim } from './format/control-format.ts'
import { SEGMENT_VERSION } from './format/segment-header.ts'
import { CommitReader } from './commit-reader.ts'
import { type LedgerState, type LedgerTable, openedLedger } from './ledger-table.ts'
import {
  CONTROL_LEDGERS_MAX,
  INDEX_CACHE_BYTES_MAX_DEFAULT,
  OPEN_FILES_MAX,
  PAYLOAD_BYTES_MAX,
  QUEUE_BYTES_MAX_DEFAULT,
  READ_BYTES_MAX_DEFAULT,
  SEAL_IDLE_MS_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  TAIL_BYTES_MAX_DEFAULT,
} from './limits.ts'
import { HeldFloors } from './held-floors.ts'
import type { Holes } from './holes.ts'
import { IndexRepairs } from './index-repairs.ts'
import { LogError } from './log-error.ts'
import { LogHolds } from './log-holds.ts'
import { OpenFiles } from './open-files.ts'
import { PageCache } from './page-cache.ts'
import { Reader } from './reader.ts'
import { Regrouper } from './regrouper.ts'
import { type RecoveredLog, recover } from './recovery/recovery.ts'
import { indexPath, type Segment } from './segment.ts'
import { SegmentStore } from './segment-store.ts'
import { type SegmentRegister, withFreed, withRegrouped } from './segment-register.ts'
import { walkSegment } from './segment-walk.ts'
import { Snapshots } from './snapshots.ts'
import { TailCache } from './tail-cache.ts'
import { Upkeep } from './upkeep.ts'

/** What a change of the metadata is for, by what it says. */
const PURPOSES = { soon: 'space', later: 'retention' } as const

interface WaitingCall extends Expiring, Linked<WaitingCall> {
  readonly outcome: Deferred<never>
}

export class Log implements AsyncDisposable {
  readonly #options: LogOptions
  readonly #table: LedgerTable
  readonly #own: LedgerState
  readonly #tail: TailCache
  readonly #files: OpenFiles
  readonly #pages: PageCache
  readonly #holes: Holes
  readonly #store: SegmentStore
  readonly #loop: CommitLoop
  readonly #reader: Reader
  readonly #upkeep: Upkeep
  readonly #damage: DamageLog
  readonly #calls: Deadlines<WaitingCall>
  readonly #opening = new Map<Ledger, Deferred<void>>()
  readonly #rebuilding = new Map<Segment, Promise<void>>()
  readonly #holds: LogHolds
  readonly #heldFloors: HeldFloors
  #register: SegmentRegister
  /** Somebody has said how long records are kept. */
  #isRegroupDue = false
  #closing: Promise<void> | undefined

  /** Opens the log in the disk's directory, making one if there is none, and recovers what a crash left. */
  static async open(options: LogOptions): Promise<Log> {
    const { disk, random, metadata } = options
    const logger = options.logger ?? silentLogger
    const files = new OpenFiles(disk, OPEN_FILES_MAX)
    const pages = new PageCache(options.indexCacheBytesMax ?? INDEX_CACHE_BYTES_MAX_DEFAULT, files)
    try {
      const recovered = await recover({ disk, random, logger, metadata, pages })
      const log = new Log(options, recovered, files, pages)
      await log.#start(recovered)
      return log
    } catch (error) {
      await files.close()
      throw error
    }
  }

  private constructor(options: LogOptions, recovered: RecoveredLog, files: OpenFiles, pages: PageCache) {
    const { disk, clock, random } = options
    const logger = options.logger ?? silentLogger
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT
    const segmentVersion = options.segmentVersion ?? SEGMENT_VERSION
    const allocate: AllocateBuffer = options.allocate ?? ((bytes) => new Uint8Array(bytes))
    const own = recovered.table.get(0)
    assert(own !== undefined, 'ledger 0 always is')
    this.#options = options
    this.#table = recovered.table
    this.#own = own
    this.#register = recovered.register
    this.#files = files
    this.#pages = pages
    this.#holes = recovered.holes
    const memory = new CommitMemory()
    this.#tail = new TailCache(options.tailBytesMax ?? TAIL_BYTES_MAX_DEFAULT, (buffer) => memory.giveBack(buffer))
    this.#damage = new DamageLog(logger, recovered.damage)
    this.#calls = new Deadlines(clock, ({ outcome }) => {
      outcome.reject(new LogError('unknown', 'the deadline passed before the log had decided'))
    })
    const snapshots = new Snapshots(disk, recovered.snapshotCommits, recovered.snapshotBytes)
    this.#store = new SegmentStore(
      {
        disk,
        clock,
        random,
        logger,
        allocate,
        logId: recovered.logId,
        segmentBytes,
        segmentVersion,
        freeBytesMin: options.freeBytesMin ?? segmentBytes,
        bytesMax: options.bytesMax ?? Number.POSITIVE_INFINITY,
        snapshotBytes: () => snapshots.bytes,
        onSpace: () => {
          this.#loop.onSpace()
          this.#holds.onSpace()
        },
        onFailure: (error) => this.#loop.fail(error),
      },
      recovered.segments,
    )
    this.#loop = new CommitLoop({
      clock,
      logger,
      durability: options.durability,
      queueBytesMax: options.queueBytesMax ?? QUEUE_BYTES_MAX_DEFAULT,
      sealIdleMs: options.sealIdleMs ?? SEAL_IDLE_MS_DEFAULT,
      memory,
      table: this.#table,
      store: this.#store,
      tail: this.#tail,
      epoch: recovered.epoch + 1,
      lastCommit: recovered.lastCommit,
      lastCrc: recovered.lastCrc,
      changeCommit: recovered.changeCommit,
      isProven: recovered.isProven,
      onRotated: () => this.#upkeep.wake(),
      onStopped: options.onStopped ?? (() => {}),
    })
    this.#reader = new Reader({
      clock,
      segments: this.#store.segments,
      tail: this.#tail,
      files,
      holes: this.#holes,
      readBytesMax: options.readBytesMax ?? READ_BYTES_MAX_DEFAULT,
      rebuildIndex: (segment) => this.#rebuildIndex(segment),
      onDamage: (reason, ledgers) => this.#damage.add(reason, ledgers),
    })
    const repairs = new IndexRepairs({
      clock,
      logger,
      rebuildIndex: (segment) => this.#rebuildIndex(segment),
      onDue: () => this.#upkeep.wake(),
    })
    const regrouper = new Regrouper(
      {
        disk,
        clock,
        random,
        logger,
        allocate,
        logId: recovered.logId,
        segmentBytes,
        segmentVersion,
        freeBytesMin: options.freeBytesMin ?? segmentBytes,
        bytesMax: options.bytesMax ?? Number.POSITIVE_INFINITY,
        store: this.#store,
        table: this.#table,
        files,
        pages,
        repairs,
        onDamage: (reason, ledgers) => this.#damage.add(reason, ledgers),
      },
      recovered.groupedNumbers,
    )
    this.#upkeep = new Upkeep(
      {
        disk,
        clock,
        logger,
        store: this.#store,
        snapshots,
        table: this.#table,
        tail: this.#tail,
        files,
        pages,
        snapshotSource: () => ({
          logId: recovered.logId,
          commit: this.#loop.lastCommit,
          epoch: this.#loop.epoch,
          createdMs: clock.now(),
          ledgers: this.#table.values(),
          ledgerCount: this.#table.size,
          freed: this.#register.freed,
          grouped: this.#register.grouped,
          metadata: this.#options.metadata.snapshot(),
        }),
        sync: () => this.#loop.sync(),
        seal: () => this.#loop.seal(),
        isWritable: () => this.#loop.isWritable,
        repairs,
        appendFreed: (freed) =>
          this.#appendOwn(FRAME_FREED, encodeFreed(freed), (register) => withFreed(register, freed)),
        regrouper,
        appendRegrouped: (regrouping) =>
          this.#appendOwn(FRAME_REGROUPED, encodeRegrouping(regrouping), (register) =>
            withRegrouped(register, regrouping),
          ),
        isRegroupDue: () => this.#isRegroupDue,
      },
      recovered.freedNumbers,
    )
    this.#heldFloors = new HeldFloors({
      clock,
      // A closed log says that it is closed.
      isFull: () => this.#loop.isFull && this.#loop.isWritable,
      wouldFree: (floors) => this.#upkeep.wouldFree(floors),
    })
    this.#holds = new LogHolds({
      disk,
      logId: recovered.logId,
      store: this.#store,
      snapshots,
      upkeep: this.#upkeep,
      metadataLoss: recovered.metadataLoss,
      sync: () => this.#loop.sync(),
      lastCommit: () => this.#loop.lastCommit,
    })
  }

  async #start(recovered: RecoveredLog): Promise<void> {
    try {
      await this.#store.open(recovered.isLastOpen, recovered.unusedNumbers, recovered.lastNumber)
      if (recovered.metadataLoss === undefined) await this.#loop.open()
      else this.#loop.refuseWrites(recovered.metadataLoss)
    } catch (error) {
      await this.#store.close()
      throw error
    }
    this.#upkeep.wake()
    this.#store.wake()
  }

  /** Makes ledgers exist, open. Idempotent: one that exists, even closed, is left as it is. Rejects: LogError. */
  async openLedgers(ledgers: readonly OpenLedger[], options: Deadline): Promise<void> {
    const waiting: Promise<void>[] = []
    const frames: ControlFrame[] = []
    for (const { ledger, notBeforeMs } of ledgers) {
      assert(Number.isInteger(ledger) && ledger > 0 && ledger < 2 ** 32, 'a ledger is a number in 1 … 2^32 - 1')
      if (this.#table.get(ledger) !== undefined) continue
      let opened = this.#opening.get(ledger)
      if (opened === undefined) {
        opened = deferred<void>()
        this.#opening.set(ledger, opened)
        frames.push(this.#openFrame(ledger, notBeforeMs, opened))
      }
      waiting.push(opened.promise)
    }
    await this.#decided(frames, Promise.all(waiting), options)
  }

  /** Stores the parts of one request and settles once, with a result per part, in order. Never rejects for operating errors. */
  append(parts: readonly Part[], options: Deadline): Promise<readonly PartResult[]> {
    const tooLarge = `a part is at most ${this.#payloadBytesMax} bytes`
    for (const { records, bytes } of parts) {
      assert(records >= 1 && records <= 65_535, 'a part holds 1 … 65,535 records')
      assert(bytes.length <= this.#payloadBytesMax, tooLarge)
    }
    return this.#loop.append(parts, options.deadlineMs)
  }

  /**
   * Stores one change of the metadata and resolves with its commit, after `metadata.apply` has seen it. No two changes
   * share a commit. Rejects: LogError `unavailable | unknown | no-space`.
   */
  async appendMetadata(bytes: Uint8Array, options: MetadataOptions): Promise<number> {
    assert(bytes.length <= this.#payloadBytesMax, `a change is at most ${this.#payloadBytesMax} bytes`)
    const stored = deferred<number>()
    const purpose = options.freesSpace === undefined ? 'changes' : PURPOSES[options.freesSpace]
    const frame = ownFrame(this.#own, FRAME_METADATA, purpose, bytes, stored, (commit) => {
      this.#options.metadata.apply(commit, bytes)
      return commit
    })
    return await this.#decided([frame], stored.promise, options)
  }

  /** Closes ledgers for ever. Idempotent: the same end each time. Appends queued before are decided first. Rejects: LogError. */
  async closeLedgers(ledgers: readonly Ledger[], options: Deadline): Promise<readonly ClosedLedger[]> {
    const frames: ControlFrame[] = []
    const waiting = ledgers.map((ledger): ClosedLedger | Promise<ClosedLedger> => {
      const state = this.#state(ledger)
      if (state.closedAtMs !== undefined) return { end: state.end, closedAtMs: state.closedAtMs }
      if (state.closing === undefined) {
        state.closing = deferred<ClosedLedger>()
        frames.push(closeFrame(state, state.closing))
      }
      return state.closing.promise
    })
    return await this.#decided(frames, Promise.all(waiting), options)
  }

  /** Forgets ledgers and all their records. Idempotent. Rejects: LogError. */
  async dropLedgers(ledgers: readonly Ledger[], options: Deadline): Promise<void> {
    const states = ledgers.flatMap((ledger) => (ledger === 0 ? [] : (this.#table.get(ledger) ?? [])))
    const frames: ControlFrame[] = []
    const waiting: Promise<void>[] = []
    for (let first = 0; first < states.length; first += CONTROL_LEDGERS_MAX) {
      const some = states.slice(first, first + CONTROL_LEDGERS_MAX)
      for (const state of some) state.dropping = true
      const dropped = deferred<void>()
      const bytes = encodeDrop(some.map(({ ledger }) => ledger))
      const frame = ownFrame(this.#own, FRAME_DROP, 'space', bytes, dropped, () => {
        for (const { ledger } of some) this.#table.delete(ledger)
        this.#upkeep.wake()
      })
      frames.push({
        ...frame,
        isReady: () => some.every((state) => state.queuedParts === 0 && state.closing === undefined),
        onFailed: (error) => {
          for (const state of some) state.dropping = false
          frame.onFailed(error)
        },
      })
      waiting.push(dropped.promise)
    }
    await this.#decided(frames, Promise.all(waiting), options)
  }

  /**
   * Raises trim floors, durably. Space below comes back soon after. Unknown ledgers are passed over. Rejects: LogError;
   * `no-space` on a full disk until this and all trims that were refused so leave a segment with nothing to keep, or an hour
   * has passed (then two, then four): then they are all stored.
   */
  async trim(floors: readonly TrimFloor[]): Promise<void> {
    const raised = floors.filter(({ ledger, beforeMs, retentionMs }) => {
      const state = ledger === 0 ? undefined : this.#table.get(ledger)
      // The latest word counts: records may be kept for longer now.
      this.#heldFloors.delete(ledger)
      if (state !== undefined && retentionMs !== undefined) {
        this.#table.keepFor(state, retentionMs)
        if (!this.#isRegroupDue) this.#upkeep.wake()
        this.#isRegroupDue = true
      }
      return state !== undefined && beforeMs > state.floorMs
    })
    if (raised.length === 0) return
    const { floors: due, purpose } = await this.#heldFloors.due(raised)
    const frames: ControlFrame[] = []
    const waiting: Promise<void>[] = []
    for (let first = 0; first < due.length; first += CONTROL_LEDGERS_MAX) {
      const some = due.slice(first, first + CONTROL_LEDGERS_MAX)
      const trimmed = deferred<void>()
      const frame = ownFrame(this.#own, FRAME_TRIM, purpose, encodeTrim(some), trimmed, () => {
        for (const { ledger, beforeMs } of some) {
          const state = this.#table.get(ledger)
          if (state !== undefined) this.#table.raiseFloor(state, beforeMs)
        }
        this.#upkeep.wake()
      })
      frames.push(frame)
      waiting.push(trimmed.promise)
    }
    await this.#decided(frames, Promise.all(waiting), { deadlineMs: Number.POSITIVE_INFINITY })
  }

  /** Reads from `from` (inclusive); at once when all is in memory. Rejects or throws: LogError `unknown-ledger | unavailable`. */
  read(ledger: Ledger, from: Position, options: ReadOptions): ReadResult | Promise<ReadResult> {
    return this.#reader.read(this.#state(ledger), from, options)
  }

  /** From memory, whatever the log holds. Throws: LogError `unknown-ledger`. */
  bounds(ledger: Ledger): LedgerBounds {
    const { end, endTimeMs, closedAtMs } = this.#state(ledger)
    return { end, endTimeMs, closed: closedAtMs !== undefined }
  }

  /** Position of the first record with a time at or after `timeMs`; the end if there is none. */
  async seekTime(ledger: Ledger, timeMs: number): Promise<Position> {
    return await this.#reader.seekTime(this.#state(ledger), timeMs)
  }

  /** Whether the ledger is open, closed, or not known (never opened, or dropped). */
  stateOf(ledger: Ledger): 'open' | 'closed' | undefined {
    const state = ledger === 0 ? undefined : this.#table.get(ledger)
    if (state === undefined) return undefined
    return state.closedAtMs === undefined ? 'open' : 'closed'
  }

  /** Every ledger there is, in no order: what a user compares with its own catalogue after a crash. */
  ledgers(): readonly Ledger[] {
    return [...this.#table.keys()].filter((ledger) => ledger !== 0)
  }

  /** Calls `listener` after each commit became durable, before its appends settle, with the ledgers that grew or closed. */
  onAdvance(listener: (ledgers: readonly Ledger[]) => void): Disposable {
    return this.#loop.onAdvance(listener)
  }

  /** Bytes the append queue would take now. */
  room(): number {
    return this.#loop.room()
  }

  /** Resolves when `bytes` would be taken. Rejects with the signal's reason. */
  async whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#loop.whenRoom(bytes, signal)
  }

  /**
   * Keeps the log's files as they are from now until the hold is released: whoever copies them then has the log of this
   * moment. Meanwhile no space comes back, so a hold ends by itself (`broken` resolves) when there is none left.
   */
  hold(): Promise<LogHold> {
    return this.#holds.hold()
  }

  health(): LogHealth {
    const reason = this.#loop.whyNotWritable()
    return { writable: reason === undefined, ...(reason === undefined ? {} : { reason }), damage: this.#damage.all }
  }

  statistics(): LogStatistics {
    return {
      commits: this.#loop.lastCommit,
      durableCommit: this.#loop.syncedCommit,
      segments: this.#store.segments.length,
      segmentBytes: this.#store.segmentBytes,
      spares: this.#store.spares,
      ledgers: this.#table.size - 1,
      queuedBytes: this.#loop.queuedBytes,
      tailBytes: this.#tail.bytes,
      indexCacheBytes: this.#pages.bytes,
    }
  }

  /** Finishes what is queued, writes the clean-stop mark, syncs, lets go of all files. Twice is fine. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#holds.endAll('the log closes')
    await this.#upkeep.close()
    const isClean = await this.#loop.close()
    if (isClean) await this.#upkeep.closeWithSnapshot()
    this.#calls.stop()
    await this.#store.close()
    await this.#files.close()
  }

  get #payloadBytesMax(): number {
    return Math.min(PAYLOAD_BYTES_MAX, (this.#options.segmentBytes ?? SEGMENT_BYTES_DEFAULT) / 2)
  }

  #state(ledger: Ledger): LedgerState {
    const state = ledger === 0 ? undefined : this.#table.get(ledger)
    if (state === undefined) throw new LogError('unknown-ledger', `ledger ${ledger} was never opened, or was dropped`)
    return state
  }

  /** Queues frames and waits for their outcome, or for the deadline. */
  async #decided<T>(frames: readonly ControlFrame[], outcome: Promise<T>, { deadlineMs }: Deadline): Promise<T> {
    try {
      if (frames.length > 0) this.#loop.control(frames)
    } catch (error) {
      assert(error instanceof LogError, 'the queue refuses with a LogError')
      for (const frame of frames) frame.onFailed(error)
    }
    const call: WaitingCall = { deadlineMs, outcome: deferred() }
    this.#calls.add(call)
    try {
      return await Promise.race([outcome, call.outcome.promise])
    } finally {
      this.#calls.delete(call)
    }
  }

  #openFrame(ledger: Ledger, notBeforeMs: number, opened: Deferred<void>): ControlFrame {
    const state = openedLedger(ledger, 0, 0)
    return {
      state,
      kind: FRAME_OPEN,
      purpose: 'changes',
      notBeforeMs,
      isReady: () => true,
      onDurable: (commit, timeMs) => {
        this.#table.add(openedLedger(ledger, commit, timeMs))
        this.#opening.delete(ledger)
        opened.resolve()
      },
      onFailed: (error) => {
        this.#opening.delete(ledger)
        opened.reject(error)
      },
    }
  }

  /** Says in the log what becomes of its segments. */
  async #appendOwn(
    kind: number,
    payload: Uint8Array,
    change: (register: SegmentRegister) => SegmentRegister,
  ): Promise<void> {
    const stored = deferred<void>()
    const frame = ownFrame(this.#own, kind, 'log', payload, stored, () => {
      this.#register = change(this.#register)
    })
    await this.#decided([frame], stored.promise, { deadlineMs: Number.POSITIVE_INFINITY })
  }

  /** Walks a sealed segment whose index file is wrong; the file is written anew behind. */
  #rebuildIndex(segment: Segment): Promise<void> {
    const running = this.#rebuilding.get(segment)
    if (running !== undefined) return running
    const rebuilding = this.#walkAgain(segment).finally(() => this.#rebuilding.delete(segment))
    this.#rebuilding.set(segment, rebuilding)
    return rebuilding
  }

  async #walkAgain(segment: Segment): Promise<void> {
    const lease = await this.#files.acquire(segment.path)
    try {
      const reader = new CommitReader(lease.file, await lease.file.size())
      const walk = await walkSegment(reader, segment.walkStart)
      if (walk.refused.size > 0) {
        // They may be read the next time: what is left is not taken for all there is.
        throw new LogError('unavailable', `${segment.path}: the drive refuses to read ${walk.refused.size} pages (EIO)`)
      }
      segment.takeWalk(walk)
      for (const { fromCommit, toCommit, offset } of segment.damages) {
        this.#holes.add({ from: fromCommit, to: toCommit, reason: `${segment.path} at ${offset}` })
      }
      this.#pages.forget(segment.number)
      // A new file takes this name; the one that is open stays what it was.
      await this.#files.forget(indexPath(segment.number))
      this.#upkeep.wake()
    } finally {
      lease.release()
    }
  }
}
