/**
 * Rewrites full segments by retention class and ledger, one step at a time, in the background and at a bounded pace:
 * what is kept for a year no longer holds the space of what was kept for a day, and a backlog is read in long pieces.
 *
 * Nothing of a step is part of the log until the log itself says so: files are whole, synced and under their names
 * before, and the old ones go after that is durable. Frames keep their positions, times and checksums.
 */
import type { Clock, Logger, Random } from '@millrace/std'
import type { DamagedLedger, Ledger } from './api.ts'
import { damagedFrame } from './damaged-ledgers.ts'
import type { AllocateBuffer, Disk } from './disk.ts'
import { FileIndex } from './file-index.ts'
import type { Regrouping } from './format/control-format.ts'
import {
  FrameUnreadableError,
  type GroupedFrame,
  type GroupedStart,
  GROUPED_STEP_BYTES,
  SegmentUnreadableError,
  writeGroupedSegment,
} from './grouped-writer.ts'
import { writeIndexFile } from './index-file.ts'
import type { IndexRepairs } from './index-repairs.ts'
import type { LedgerTable } from './ledger-table.ts'
import { REGROUP_PACE_MS } from './limits.ts'
import type { OpenFiles } from './open-files.ts'
import { IndexDamagedError, type PageCache } from './page-cache.ts'
import { liveQuery, RegroupPolicy } from './regroup-policy.ts'
import { retentionClassOf } from './retention-class.ts'
import { Scraps } from './scraps.ts'
import { indexPath, newSalt, nextGroupedNumber, Segment, segmentPath } from './segment.ts'
import type { SegmentStore } from './segment-store.ts'

export interface RegrouperOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly allocate: AllocateBuffer
  readonly logId: Uint8Array
  readonly segmentBytes: number
  readonly segmentVersion: number
  readonly freeBytesMin: number
  readonly bytesMax: number
  readonly store: SegmentStore
  readonly table: LedgerTable
  readonly files: OpenFiles
  readonly pages: PageCache
  readonly repairs: IndexRepairs
  readonly onDamage: (reason: string, ledgers: readonly DamagedLedger[]) => void
}

/** What is to take the place of what, once the log says so. */
export interface RegroupStep {
  readonly inputs: readonly Segment[]
  readonly outputs: readonly Segment[]
  readonly regrouping: Regrouping
}

/** The log closes: what was begun is thrown away. */
class StoppedError extends Error {
  override readonly name = 'StoppedError'
}

export class Regrouper {
  readonly #options: RegrouperOptions
  readonly #policy: RegroupPolicy
  readonly #scraps: Scraps
  #isStopped = false
  #endPause: (() => void) | undefined
  #paceBytes = 0
  #lastNumber: number

  constructor(options: RegrouperOptions, numbers: readonly number[]) {
    this.#options = options
    this.#policy = new RegroupPolicy(options)
    this.#scraps = new Scraps(options.disk)
    this.#lastNumber = nextGroupedNumber(numbers) - 1
  }

  /** What runs gives up soon, and `write` resolves with nothing. */
  stop(): void {
    this.#isStopped = true
    this.#endPause?.()
  }

  /**
   * Writes what is most worth it among the segments up to `lastCommit`; `undefined`: nothing is, there is no room, or
   * it was stopped. `between` is called now and then, and may do other work on the log. Rejects with the disk's errors,
   * also as long as what failed before cannot be removed.
   */
  async write(lastCommit: number, between: () => Promise<void>): Promise<RegroupStep | undefined> {
    const { store, repairs } = this.#options
    for (;;) {
      await this.#scraps.remove()
      this.#scraps.needGone()
      let inputs: readonly Segment[] = []
      try {
        inputs = (await this.#policy.next(lastCommit)) ?? []
        if (inputs.length === 0 || this.#isStopped || !(await this.#hasRoom(inputs))) return undefined
        const step = await this.#write(inputs, between)
        if (step !== undefined) return step
      } catch (error) {
        if (error instanceof StoppedError) return undefined
        // What was known of them may be what is wrong: they are looked at again before they are chosen.
        for (const segment of inputs) this.#policy.forget(segment)
        if (error instanceof IndexDamagedError) {
          const damaged = store.segments.find(({ number }) => number === error.segment)
          if (damaged === undefined) return undefined
          await repairs.failed(damaged, error)
          // Others can still be helped; what was begun goes before.
          continue
        }
        if (error instanceof SegmentUnreadableError) {
          repairs.unreadable(error.segment, error)
          continue
        }
        if (!(error instanceof FrameUnreadableError)) throw error
        // It stays as it is; others can still be helped.
        error.frame.segment.isUnfit = true
        this.#options.onDamage(error.message, [damagedFrame(error.frame.ledger, error.frame.entry)])
      }
    }
  }

  /** Removes what was written and is not to be part of the log: now, or as soon as the disk allows it. Never rejects. */
  async discard({ outputs }: RegroupStep): Promise<void> {
    for (const { number } of outputs) this.#scraps.add(indexPath(number), segmentPath(number))
    await this.#scraps.remove()
  }

  async #write(inputs: readonly Segment[], between: () => Promise<void>): Promise<RegroupStep | undefined> {
    const firstCommit = Math.min(...inputs.map((segment) => segment.firstCommit))
    const lastCommit = Math.max(...inputs.map((segment) => segment.lastCommit))
    const outputs: Segment[] = []
    const step: RegroupStep = { inputs, outputs, regrouping: { inputs, outputs: [] } }
    try {
      for (const [retentionClass, ledgers] of await this.#classesOf(inputs)) {
        const { logId, random, clock, store, segmentVersion } = this.#options
        // Not newer than what is written beside it: a program that does not know the version is stopped there, by name.
        const version = store.active?.start.version ?? segmentVersion
        const number = ++this.#lastNumber
        const salt = newSalt(random)
        const createdMs = clock.now()
        const start = { version, logId, number, salt, retentionClass, firstCommit, lastCommit, createdMs }
        outputs.push(await this.#writeOne(start, this.#framesOf(inputs, ledgers), between))
      }
    } catch (error) {
      await this.discard(step)
      throw error
    }
    // An index was built again meanwhile, and frames were found lost: their segment stays, as evidence.
    if (inputs.some(({ damages }) => damages.length > 0)) {
      await this.discard(step)
      return undefined
    }
    for (const segment of inputs) this.#policy.forget(segment)
    return { ...step, regrouping: { inputs, outputs: outputs.flatMap(({ grouped }) => grouped ?? []) } }
  }

  async #writeOne(
    start: GroupedStart,
    frames: AsyncIterable<GroupedFrame>,
    between: () => Promise<void>,
  ): Promise<Segment> {
    const { disk, files, allocate, pages } = this.#options
    const path = segmentPath(start.number)
    const temporary = `${path}.tmp`
    const pace = (bytes: number): Promise<void> => this.#pace(bytes, between)
    try {
      const { grouped, index } = await writeGroupedSegment({ disk, files, allocate, pace }, temporary, start, frames)
      const segment = new Segment({ ...start, previousCrc: 0, capacity: grouped.usedBytes }, grouped)
      segment.lastCommit = start.lastCommit
      segment.usedBytes = grouped.usedBytes
      const { summary, bitmap } = await writeIndexFile(disk, indexPath(start.number), segment.ends, index, [])
      segment.file = new FileIndex(indexPath(start.number), summary, bitmap, pages)
      await disk.rename(temporary, path)
      await disk.syncDirectory('log')
      return segment
    } catch (error) {
      this.#scraps.add(temporary, `${indexPath(start.number)}.tmp`, indexPath(start.number), path)
      await this.#scraps.remove()
      throw error
    }
  }

  /** The ledgers that are still wanted, by retention class, both ascending. */
  async #classesOf(inputs: readonly Segment[]): Promise<ReadonlyMap<number, readonly Ledger[]>> {
    const ledgers = new Set<Ledger>()
    for (const segment of inputs) for (const ledger of await segment.index.ledgers()) ledgers.add(ledger)
    const classes = new Map<number, Ledger[]>()
    for (const ledger of [...ledgers].sort((a, b) => a - b)) {
      const state = ledger === 0 ? undefined : this.#options.table.get(ledger)
      if (state === undefined || !(await this.#isLive(inputs, ledger, state.floorMs, state.openCommit))) continue
      const retentionClass = retentionClassOf(state)
      const own = classes.get(retentionClass)
      if (own === undefined) classes.set(retentionClass, [ledger])
      else own.push(ledger)
    }
    return new Map([...classes].sort(([a], [b]) => a - b))
  }

  async #isLive(inputs: readonly Segment[], ledger: Ledger, floorMs: number, openCommit: number): Promise<boolean> {
    for (const segment of inputs) {
      if (segment.maxTimeMs < floorMs || segment.lastCommit < openCommit || !segment.index.has(ledger)) continue
      const last = await segment.index.last(ledger)
      if (last !== undefined && last.timeMs >= floorMs && last.commit >= openCommit) return true
    }
    return false
  }

  async *#framesOf(inputs: readonly Segment[], ledgers: readonly Ledger[]): AsyncGenerator<GroupedFrame> {
    for (const ledger of ledgers) {
      const state = this.#options.table.get(ledger)
      // Dropped meanwhile: nobody will ask for it.
      if (state === undefined) continue
      const query = liveQuery(ledger, state)
      for (const segment of inputs) {
        if (!segment.index.has(ledger)) continue
        for (const entry of await segment.index.collect(query)) yield { segment, ledger, entry }
      }
    }
  }

  /** Room for a copy of all inputs, at worst. To free space, one segment's worth may be taken from what is kept free. */
  async #hasRoom(inputs: readonly Segment[]): Promise<boolean> {
    const { disk, store, segmentBytes, freeBytesMin, bytesMax } = this.#options
    const bytes = Math.min(
      segmentBytes,
      inputs.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    )
    if (store.segmentBytes + bytes > bytesMax + segmentBytes) return false
    const free = (await disk.freeBytes()) - store.unwrittenBytes
    return free - bytes >= Math.max(0, freeBytesMin - segmentBytes)
  }

  /** At most GROUPED_STEP_BYTES in REGROUP_PACE_MS, read and written; without a pause where space is short. */
  async #pace(bytes: number, between: () => Promise<void>): Promise<void> {
    if (this.#isStopped) throw new StoppedError()
    this.#paceBytes += bytes
    if (this.#paceBytes < GROUPED_STEP_BYTES) return
    const pauses = Math.floor(this.#paceBytes / GROUPED_STEP_BYTES)
    this.#paceBytes %= GROUPED_STEP_BYTES
    await between()
    if (this.#options.store.shortage === undefined) await this.#pause(pauses * REGROUP_PACE_MS)
    if (this.#isStopped) throw new StoppedError()
  }

  #pause(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        this.#endPause = undefined
        timer.cancel()
        resolve()
      }
      const timer = this.#options.clock.setTimer(ms, end, { unref: true })
      this.#endPause = end
    })
  }
}
