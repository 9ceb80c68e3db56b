/** What drives a test on the virtual clock. */
import type { VirtualClock } from './virtual-clock.ts'

/** Moves time to the next timer, again and again, until `promise` settles. What is ready to run always runs first. */
export async function runClock<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false
  const settle = (): void => void (settled = true)
  promise.then(settle, settle)
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (settled) return promise
    if (clock.nextDueMs !== undefined) clock.advance(clock.nextDueMs - clock.monotonic())
  }
}
