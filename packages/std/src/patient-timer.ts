/** A bound on a wait that does not count the time in which the process itself had no turn to see what it waits for. */
import type { Clock, Timer } from './clock.ts'

/** A timer that rings so late says that this process was busy in one piece, or stopped. */
export const STOOD_STILL_MS = 250
/** Long enough for a turn of the event loop: sockets are read in it. */
const TURN_MS = 20

/** As `clock.setTimer`; where it rings late, once more after a turn, in which the answer that is there already can be read. */
export function setPatientTimer(
  clock: Clock,
  delayMs: number,
  callback: () => void,
  options?: { readonly unref?: boolean },
): Timer {
  const dueMs = clock.monotonic() + delayMs
  let timer = clock.setTimer(
    delayMs,
    () => {
      if (clock.monotonic() - dueMs < STOOD_STILL_MS) callback()
      else timer = clock.setTimer(TURN_MS, callback, options)
    },
    options,
  )
  return { cancel: () => timer.cancel() }
}
