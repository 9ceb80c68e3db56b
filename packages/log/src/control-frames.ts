/** What the log puts into its control queue, and what becomes of whoever waits for it. */
import type { Deferred } from '@millrace/std'
import type { ClosedLedger } from './api.ts'
import type { ControlFrame } from './control-queue.ts'
import { FRAME_CLOSE } from './format/commit-format.ts'
import type { LedgerState } from './ledger-table.ts'

/** A frame of ledger 0, whose state is `own`. */
export function ownFrame<T>(
  own: LedgerState,
  kind: number,
  purpose: ControlFrame['purpose'],
  payload: Uint8Array,
  stored: Deferred<T>,
  onDurable: (commit: number) => T,
): ControlFrame {
  return {
    state: own,
    kind,
    purpose,
    notBeforeMs: 0,
    payload,
    isReady: () => true,
    onDurable: (commit) => stored.resolve(onDurable(commit)),
    onFailed: (error) => stored.reject(error),
  }
}

/** Closes a ledger, once the appends queued before are decided. */
export function closeFrame(state: LedgerState, closing: Deferred<ClosedLedger>): ControlFrame {
  return {
    state,
    kind: FRAME_CLOSE,
    purpose: 'changes',
    notBeforeMs: 0,
    isReady: () => state.queuedParts === 0,
    onDurable: (_commit, closedAtMs) => {
      state.closing = undefined
      closing.resolve({ end: state.end, closedAtMs })
    },
    onFailed: (error) => {
      state.closing = undefined
      closing.reject(error)
    },
  }
}
