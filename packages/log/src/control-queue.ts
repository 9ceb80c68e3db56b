/**
 * Frames that are not records and wait for a commit: opens, closes, and the log's own (metadata, trim, drop, freed).
 * They go before records, and may use the reserve, each as far as what it is for allows. Each waits until it is ready: a close until the appends queued
 * before it are in commits. Ledger 0 has one frame in a commit, so no two metadata changes share a number.
 */
import type { CommitBuilder } from './commit-builder.ts'
import { commitBytes, FRAME_BYTES } from './format/commit-format.ts'
import type { LedgerState } from './ledger-table.ts'
import { CONTROL_QUEUE_MAX } from './limits.ts'
import { LogError, type LogErrorCode } from './log-error.ts'
import type { Purpose, Room } from './segment-store.ts'

export interface ControlFrame {
  /** The ledger's state; for an opening, the one it will have. */
  readonly state: LedgerState
  readonly kind: number
  readonly purpose: Exclude<Purpose, 'records'>
  /** Not before this; the frame's time is not before the ledger's last either. */
  readonly notBeforeMs: number
  readonly payload?: Uint8Array
  isReady(): boolean
  /** The commit is durable and the ledger's state shows it. */
  onDurable(commit: number, timeMs: number): void
  /** The frame was not written, or (`unknown`) may have been. */
  onFailed(error: LogError): void
}

export class ControlQueue {
  #waiting: ControlFrame[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Rejects nothing by itself: throws `unavailable` when as many wait already. */
  push(frames: readonly ControlFrame[]): void {
    if (this.#waiting.length + frames.length > CONTROL_QUEUE_MAX) {
      throw new LogError('unavailable', `${this.#waiting.length} changes wait for the log already`)
    }
    this.#waiting.push(...frames)
  }

  /** Puts what is ready and fits into the commit. `missingBytes`: of a commit for what would go if there were room; 0: nothing. */
  drainInto(builder: CommitBuilder, room: Room): { taken: readonly ControlFrame[]; missingBytes: number } {
    if (this.#waiting.length === 0) return { taken: [], missingBytes: 0 }
    const taken: ControlFrame[] = []
    const rest: ControlFrame[] = []
    let missingBytes = 0
    for (const frame of this.#waiting) {
      const payloadBytes = frame.payload?.length ?? 0
      const mayGo = !builder.has(frame.state) && frame.isReady()
      if (mayGo && builder.fits(payloadBytes, room[frame.purpose])) {
        const timeMs = Math.max(builder.timeMs, frame.notBeforeMs, frame.state.lastTimeMs)
        builder.addFrame(frame.state, frame.kind, timeMs, frame.payload)
        taken.push(frame)
      } else {
        if (mayGo && builder.isEmpty) missingBytes = Math.max(missingBytes, commitBytes(FRAME_BYTES + payloadBytes))
        rest.push(frame)
      }
    }
    this.#waiting = rest
    return { taken, missingBytes }
  }

  /** Fails those that could go, were there room for them: what others wait for is decided first. */
  refuseReady(code: LogErrorCode, message: string): void {
    const ready = this.#waiting.filter((frame) => frame.isReady())
    this.#waiting = this.#waiting.filter((frame) => !ready.includes(frame))
    for (const frame of ready) frame.onFailed(new LogError(code, message))
  }

  /** Fails all that wait. */
  refuseAll(code: LogErrorCode, message: string): void {
    for (const frame of this.#waiting.splice(0)) frame.onFailed(new LogError(code, message))
  }
}
