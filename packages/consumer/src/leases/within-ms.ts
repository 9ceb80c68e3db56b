/** Bounds a call of a store that has no bound itself. */
import { type Clock, setPatientTimer, untilAborted, withAnySignal } from '@millrace/std'
import { LeaseStoreError } from './lease-store.ts'

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
  const timer = setPatientTimer(clock, limitMs, () => over.abort(error))
  try {
    return await withAnySignal([signal, over.signal], (within) => untilAborted(work(within), within))
  } finally {
    timer.cancel()
  }
}
