/** Another machine's clock: set wrong by some time, and running a little fast or slow. */
import type { Clock } from '@millrace/std'

export function skewedClock(clock: Clock, offsetMs: number, rate: number): Clock {
  return {
    now: () => clock.now() + offsetMs,
    monotonic: () => clock.monotonic() * rate,
    setTimer: (delayMs, callback, options) => clock.setTimer(delayMs / rate, callback, options),
  }
}
