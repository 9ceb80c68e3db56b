/**
 * What follows a rotation, in the background and one thing at a time: the index file of the full segment, a snapshot,
 * giving back segments that hold nothing anybody may still read, and rewriting those that hold little, or hold it badly.
 *
 * A segment goes only when every frame in it lies below its ledger's trim floor, its ledger is dropped, or it stands in
 * another segment; when both kept snapshots cover it, when the log says durably that it goes, and when its last reader
 * has left.
 */
import type { Clock, Logger, Timer } from '@millrace/std'
import type { Ledger } from './api.ts'
import type { Disk } from './disk.ts'
import { FileIndex } from './file-index.ts'
import { FRAME_OPEN } from './format/commit-format.ts'
import type { FreedSegment, Regrouping } from './format/control-format.ts'
import type { SnapshotSource } from './format/snapshot-format.ts'
import { writeIndexFile } from './index-file.ts'
import type { IndexRepairs } from './index-repairs.ts'
import type { LedgerState, LedgerTable } from './ledger-table.ts'
import { SPACE_RETRY_MS } from './limits.ts'
import { LogError } from './log-error.ts'
import type { OpenFiles } from './open-files.ts'
import { IndexDamagedError, type PageCache } from './page-cache.ts'
import type { Regrouper } from './regrouper.ts'
import { indexPath, isGroupedNumber, type Segment, segmentPath } from './segment.ts'
import type { SegmentStore } from './segment-store.ts'
import type { Snapshots } from './snapshots.ts'
import type { TailCache } from './tail-cache.ts'

export interface UpkeepOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly store: SegmentStore
  readonly snapshots: Snapshots
  readonly table: LedgerTable
  readonly tail: TailCache
  readonly files: OpenFiles
  readonly pages: PageCache
  /** The state of this moment, durable or not. */
  readonly snapshotSource: () => SnapshotSource
  /** Makes durable what is visible now. */
  readonly sync: () => Promise<void>
  /** Makes sure of one more commit. */
  readonly seal: () => Promise<void>
  /** False when nothing will ever be written again: then nothing can be given back either. */
  readonly isWritable: () => boolean
  readonly repairs: IndexRepairs
  /** Says in the log that a segment goes; resolves when that is stored. */
  readonly appendFreed: (freed: FreedSegment) => Promise<void>
  readonly regrouper: Regrouper
  /** Says in the log that segments stand in others; resolves when that is stored. */
  readonly appendRegrouped: (regrouping: Regrouping) => Promise<void>
  /** Whether anybody has said how long things are kept: until then nothing is regrouped. */
  readonly isRegroupDue: () => boolean
}

export class Upkeep {
  readonly #options: UpkeepOptions
  #isDue = false
  #isClosed = false
  #running: Promise<void> | undefined
  #retry: Timer | undefined
  /** Whoever copies the files: as long as there is somebody, none of them is removed, recycled or replaced. */
  #holds = 0
  /** Segment number → a ledger that keeps it, and the time of its last frame there: until that is below its floor. */
  readonly #keepers = new Map<number, { readonly ledger: Ledger; readonly lastMs: number }>()
  /** Segments whose indexes were found damaged by who does not wait for them to be built again. */
  readonly #suspects = new WeakMap<Segment, IndexDamagedError>()
  /** Numbers of segments that the log says are gone and whose files are still there. */
  readonly #leftovers: number[]

  constructor(options: UpkeepOptions, leftovers: readonly number[]) {
    this.#options = options
    this.#leftovers = [...leftovers]
  }

  /** Something changed: a rotation, a floor, a drop. */
  wake(): void {
    this.#isDue = true
    if (this.#isClosed || this.#running !== undefined || this.#retry !== undefined) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /**
   * From when this resolves until the answer is called, every file of the log stays as it is, but for the one that is
   * written to. Indexes of full segments are written all the same: only that keeps memory bounded.
   */
  async hold(): Promise<() => void> {
    this.#holds++
    while (this.#running !== undefined) await this.#running
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holds--
      this.wake()
    }
  }

  /**
   * Whether one segment more had nothing to keep, were these the floors. One whose index cannot be read now says nothing
   * of the others: it is built again beside.
   */
  async wouldFree(floors: ReadonlyMap<Ledger, number>): Promise<boolean> {
    for (const segment of this.#sealed()) {
      // Most are, and each trim of a full disk asks.
      if (this.#isKept(segment, floors)) continue
      try {
        if (!(await this.#isDead(segment)) && (await this.#isDead(segment, floors))) return true
      } catch (error) {
        if (error instanceof IndexDamagedError) {
          this.#suspects.set(segment, error)
          this.wake()
        } else if (!(error instanceof LogError)) throw error
      }
    }
    return false
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#options.repairs.stop()
    this.#options.regrouper.stop()
    await this.#running
  }

  /**
   * The last snapshot of an orderly close: the next opening replays nothing, and it proves every commit, so that
   * damage even to the last one is told from a torn tail.
   */
  async closeWithSnapshot(): Promise<void> {
    try {
      await this.#snapshot()
    } catch (error) {
      this.#options.logger.warn('the log closes without a snapshot', { reason: String(error) })
    }
  }

  /** Indexes stay in memory while their commits are in the tail cache: its readers are answered at once. */
  releaseMemory(): void {
    const { store, tail } = this.#options
    for (const segment of store.segments) {
      if (segment.lastCommit >= tail.firstCommit || segment === store.active) return
      if (segment.file !== undefined) segment.memory = undefined
    }
  }

  async #run(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false
      const failures: unknown[] = []
      const isDone = async (step: () => Promise<void>): Promise<boolean> => {
        try {
          await step()
          return true
        } catch (error) {
          failures.push(error)
          return false
        }
      }
      // Where what has gone cannot be removed, no more goes; indexes are written all the same.
      const isTidy = this.#holds > 0 || (await isDone(() => this.#removeLeftovers()))
      const isSealed = await isDone(() => this.#seal())
      // Of what is full and has its index, segments may go whether or not there is space for one more index …
      if (isTidy) await isDone(() => this.#reclaim())
      // … but where there is none, nothing larger is begun.
      if (isTidy && isSealed) await isDone(() => this.#regroup())
      if (failures.length > 0) return this.#tryAgain(failures[0])
    }
  }

  /** Nothing is lost: indexes and snapshots can be written later, segments given back later. */
  #tryAgain(failure: unknown): void {
    const { clock, logger, isWritable } = this.#options
    const reason = String(failure)
    if (!isWritable()) {
      logger.warn('upkeep of the log failed, and ends with its writing', { reason })
      return
    }
    logger.warn('upkeep of the log failed; trying again soon', { reason })
    this.#isDue = true
    this.#retry = clock.setTimer(
      SPACE_RETRY_MS,
      () => {
        this.#retry = undefined
        this.wake()
      },
      { unref: true },
    )
  }

  /** Files stay as they are: the log closes, or somebody copies it, or it cannot say what becomes of them. */
  get #isStill(): boolean {
    return this.#isClosed || this.#holds > 0 || !this.#options.isWritable()
  }

  async #seal(): Promise<void> {
    const { store, disk, pages, snapshots } = this.#options
    const due = this.#unsealed()
    if (due.length > 0) await this.#options.sync()
    for (const segment of due) {
      if (this.#isClosed) return
      const { memory } = segment
      if (memory === undefined) continue
      if (!segment.isRefused) {
        const path = indexPath(segment.number)
        const { summary, bitmap } = await writeIndexFile(disk, path, segment.ends, memory, segment.damages)
        segment.file = new FileIndex(path, summary, bitmap, pages)
      }
      await store.retire(segment)
    }
    const full = store.segments.at(-2)
    if (full !== undefined && full.lastCommit > snapshots.newestCommit && !this.#isStill) await this.#snapshot()
    this.releaseMemory()
  }

  async #snapshot(): Promise<void> {
    await this.#options.snapshots.write(this.#options.snapshotSource(), this.#options.sync)
  }

  /** One whose index cannot be read keeps no other. */
  async #reclaim(): Promise<void> {
    const { repairs } = this.#options
    if (this.#isStill) return
    const dead: Segment[] = []
    for (const segment of this.#sealed()) {
      const suspected = this.#suspects.get(segment)
      this.#suspects.delete(segment)
      if (suspected !== undefined) await repairs.failed(segment, suspected)
      else if ((await repairs.look(segment, () => this.#isDead(segment))) === true) dead.push(segment)
    }
    await this.#giveBack(dead)
  }

  /** Those that may be given back, should nothing in them be kept. */
  #sealed(): readonly Segment[] {
    const { store } = this.#options
    return store.segments.filter(
      (segment) => segment !== store.active && segment.file !== undefined && segment.damages.length === 0,
    )
  }

  async #giveBack(dead: readonly Segment[]): Promise<void> {
    const { snapshots } = this.#options
    // First what may go already: there may be no space for a snapshot before.
    const rest = await this.#free(dead)
    const newest = rest.at(-1)
    if (newest === undefined || this.#isStill) return
    await this.#snapshot()
    if (newest.lastCommit > snapshots.coveredCommit) {
      // Only one covers it, of the last commit there is: an idle log, or a full one, has no other soon.
      await this.#options.seal()
      await this.#snapshot()
    }
    await this.#free(rest)
  }

  /** Gives back those of `dead` that both snapshots cover; the others. */
  async #free(dead: readonly Segment[]): Promise<readonly Segment[]> {
    const { store, snapshots } = this.#options
    const rest: Segment[] = []
    for (const segment of dead) {
      if (segment.lastCommit > snapshots.coveredCommit || this.#isStill) {
        rest.push(segment)
        continue
      }
      const { number, firstCommit, lastCommit } = segment
      await this.#options.appendFreed({ number, firstCommit, lastCommit })
      // Under `os` it is only written, and its file would be missed after a loss of power.
      await this.#options.sync()
      store.segments.splice(store.segments.indexOf(segment), 1)
      this.#keepers.delete(number)
      await segment.whenUnread()
      this.#leftovers.push(number)
      await this.#removeLeftovers()
    }
    return rest
  }

  /** Whether what kept it when it was last looked at keeps it still. */
  #isKept(segment: Segment, floors?: ReadonlyMap<Ledger, number>): boolean {
    const keeper = this.#keepers.get(segment.number)
    const state = keeper === undefined ? undefined : this.#options.table.get(keeper.ledger)
    if (keeper === undefined || state === undefined) return false
    return floorOf(state, floors) <= keeper.lastMs && state.openCommit <= segment.lastCommit
  }

  /** `floors`: those that are higher than the table's, to be taken for its own. */
  async #isDead(segment: Segment, floors?: ReadonlyMap<Ledger, number>): Promise<boolean> {
    if (this.#isKept(segment, floors)) return false
    const { table } = this.#options
    for (const ledger of await segment.index.ledgers()) {
      const state = ledger === 0 ? undefined : table.get(ledger)
      if (state === undefined || floorOf(state, floors) > segment.maxTimeMs || state.openCommit > segment.lastCommit)
        continue
      const last = await segment.index.last(ledger)
      // Nobody reads an opening, and both snapshots tell of it.
      if (last === undefined || last.timeMs < floorOf(state, floors) || last.kind === FRAME_OPEN) continue
      this.#keepers.set(segment.number, { ledger, lastMs: last.timeMs })
      return false
    }
    return true
  }

  /** One step. Sealing goes on meanwhile: only it keeps the memory of indexes bounded. */
  async #regroup(): Promise<void> {
    const { regrouper, store, snapshots, tail, isRegroupDue, appendRegrouped, sync } = this.#options
    if (this.#isStill || !isRegroupDue()) return
    const lastCommit = Math.min(snapshots.coveredCommit, tail.firstCommit - 1)
    const step = await regrouper.write(lastCommit, async () => {
      if (this.#unsealed().length > 0) await this.#seal()
    })
    if (step === undefined) return
    if (this.#isStill) return await regrouper.discard(step)
    await appendRegrouped(step.regrouping)
    await sync()
    this.#isDue = true
    store.replace(step.inputs, step.outputs)
    for (const segment of step.inputs) {
      this.#keepers.delete(segment.number)
      await segment.whenUnread()
      this.#leftovers.push(segment.number)
    }
    await this.#removeLeftovers()
  }

  #unsealed(): readonly Segment[] {
    const { store } = this.#options
    return store.segments.filter((segment) => segment !== store.active && segment.file === undefined)
  }

  async #removeLeftovers(): Promise<void> {
    for (let number = this.#leftovers[0]; number !== undefined; number = this.#leftovers[0]) {
      await this.#removeFiles(number)
      this.#leftovers.shift()
    }
  }

  async #removeFiles(number: number): Promise<void> {
    const { disk, files, pages, store } = this.#options
    await files.forget(segmentPath(number))
    await files.forget(indexPath(number))
    pages.forget(number)
    if (await disk.exists(indexPath(number))) await disk.remove(indexPath(number))
    if (!(await disk.exists(segmentPath(number)))) return
    if (isGroupedNumber(number)) await disk.remove(segmentPath(number))
    else await store.recycle(segmentPath(number))
  }
}

function floorOf({ ledger, floorMs }: LedgerState, floors?: ReadonlyMap<Ledger, number>): number {
  return Math.max(floorMs, floors?.get(ledger) ?? 0)
}
