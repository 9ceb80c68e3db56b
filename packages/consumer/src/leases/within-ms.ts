/** Bounds a call of a store that has no bound itself. */
import { type Clock, untilAborted, withAnySignal } from '@millrace/std'
import { LeaseStoreError } from './lease-store.ts'

/** A process that rang so late had no turn: the answer may be there, unread. */
const LATE_MS = 250
const TURN_MS = 20

/**
 * `work` gets a signal that is aborted with the caller's, or with a `LeaseStoreError` (`unavailable`) when the time is over. Nobody
 * waits longer, whatever it makes of that.
 */
export async function withinMs<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const error = new LeaseStoreError('unavailable', `The lease store did not answer within ${limitMs} ms.`)
  const dueMs = clock.monotonic() + limitMs
  let timer = clock.setTimer(limitMs, () => {
    const isLate = clock.monotonic() - dueMs >= LATE_MS
    if (!isLate) return over.abort(error)
    timer = clock.setTimer(TURN_MS, () => over.abort(error))
  })
  try {
    return await withAnySignal([signal, over.signal], (within) => untilAborted(work(within), within))
  } finally {
    timer.cancel()
  }
}
