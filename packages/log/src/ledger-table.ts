/**
 * What the log knows of each ledger beside its frames: where it ends, whether it is closed, how far it is trimmed.
 * Rebuilt from the newest snapshot and the frames above it.
 *
 * Two views live side by side: what is durable (and may be shown), and what has been put into a commit that is still
 * in flight. The second is ahead by at most one commit, since one is in flight at a time.
 */
import type { Deferred } from '@millrace/std'
import type { ClosedLedger, Ledger, Position } from './api.ts'
import { FRAME_CLOSE, FRAME_OPEN, FRAME_RECORDS } from './format/commit-format.ts'
import { retentionClassOf } from './retention-class.ts'

export interface LedgerState {
  readonly ledger: Ledger
  readonly openCommit: number
  /** Durable: just after the newest record. */
  end: Position
  /** Durable: time of the newest record, or of the opening. */
  endTimeMs: number
  closedAtMs: number | undefined
  /** Durable: records with a time below are hidden and may go. */
  floorMs: number

  /** Durable: commit and time of the newest frame of any kind. */
  durableFrameCommit: number
  durableTimeMs: number

  /** How long records are kept, as far as this opening was told. */
  retentionMs: number | undefined

  /** Commit of the newest frame of any kind, in flight included: the link of the ledger's chain. */
  lastFrameCommit: number
  /** Time of that frame: the next one is not earlier. */
  lastTimeMs: number
  /** Of its frame in the commit that is being filled, should it have one: the commit's own list tells. */
  place: number
  /** Parts accepted and not yet put into a commit. */
  queuedParts: number
  /** Set while a close waits or is in flight. */
  closing: Deferred<ClosedLedger> | undefined
  /** Set while a drop waits or is in flight. */
  dropping: boolean
}

/** A frame of a ledger as the table needs to see it. */
export interface LedgerFrame {
  readonly kind: number
  readonly records: number
  readonly commit: number
  readonly timeMs: number
}

/** What of the frames in full segments is wanted: the same answer means that nothing has changed since. */
export interface WantedMark {
  /** Grows when a ledger goes, or its records are to be kept for another time. */
  readonly changes: number
  /** Grows with each floor that is raised. */
  readonly raises: number
}

export class LedgerTable {
  readonly #states = new Map<Ledger, LedgerState>()
  #changes = 0
  #raises = 0
  #highestFloorMs = 0

  get size(): number {
    return this.#states.size
  }

  get(ledger: Ledger): LedgerState | undefined {
    return this.#states.get(ledger)
  }

  values(): IterableIterator<LedgerState> {
    return this.#states.values()
  }

  keys(): IterableIterator<Ledger> {
    return this.#states.keys()
  }

  add(state: LedgerState): void {
    this.#states.set(state.ledger, state)
  }

  delete(ledger: Ledger): void {
    this.#states.delete(ledger)
    this.#changes++
  }

  /** Takes note of how long a ledger's records are kept. */
  keepFor(state: LedgerState, retentionMs: number): void {
    const before = retentionClassOf(state)
    state.retentionMs = retentionMs
    if (retentionClassOf(state) !== before) this.#changes++
  }

  /**
   * Raises the trim floor. Later records are not below it, whatever the clock says: what is acknowledged from now on is
   * visible.
   */
  raiseFloor(state: LedgerState, floorMs: number): void {
    if (floorMs <= state.floorMs) return
    state.floorMs = floorMs
    state.durableTimeMs = Math.max(state.durableTimeMs, floorMs)
    state.lastTimeMs = Math.max(state.lastTimeMs, floorMs)
    this.#raises++
    this.#highestFloorMs = Math.max(this.#highestFloorMs, floorMs)
  }

  wantedMark(): WantedMark {
    return { changes: this.#changes, raises: this.#raises }
  }

  /** Whether as much as at `mark` is wanted of frames that are all at or after `minTimeMs`. */
  wantsAsAt(mark: WantedMark, minTimeMs: number): boolean {
    if (mark.changes !== this.#changes) return false
    return mark.raises === this.#raises || this.#highestFloorMs <= minTimeMs
  }

  /** Takes in a durable frame. A ledger's frames must come in order. */
  apply(ledger: Ledger, frame: LedgerFrame): void {
    const state = this.#states.get(ledger)
    if (state === undefined) {
      // A frame of a ledger that was dropped since; only the opening makes one.
      if (frame.kind === FRAME_OPEN) this.add(openedLedger(ledger, frame.commit, frame.timeMs))
      return
    }
    applyFrame(state, frame)
  }
}

export function openedLedger(ledger: Ledger, commit: number, timeMs: number): LedgerState {
  return {
    ledger,
    openCommit: commit,
    end: { commit, index: 0 },
    endTimeMs: timeMs,
    closedAtMs: undefined,
    floorMs: 0,
    retentionMs: undefined,
    durableFrameCommit: commit,
    durableTimeMs: timeMs,
    lastFrameCommit: commit,
    lastTimeMs: timeMs,
    place: 0,
    queuedParts: 0,
    closing: undefined,
    dropping: false,
  }
}

export function applyFrame(state: LedgerState, frame: LedgerFrame): void {
  state.durableFrameCommit = Math.max(state.durableFrameCommit, frame.commit)
  state.durableTimeMs = Math.max(state.durableTimeMs, frame.timeMs)
  state.lastFrameCommit = Math.max(state.lastFrameCommit, frame.commit)
  state.lastTimeMs = Math.max(state.lastTimeMs, frame.timeMs)
  if (frame.kind === FRAME_RECORDS) {
    state.end = { commit: frame.commit, index: frame.records }
    state.endTimeMs = frame.timeMs
  } else if (frame.kind === FRAME_CLOSE) {
    state.closedAtMs = frame.timeMs
  }
}

/** Whether the ledger takes records now. */
export function isOpenForAppend(state: LedgerState): boolean {
  return state.closedAtMs === undefined && state.closing === undefined && !state.dropping
}
