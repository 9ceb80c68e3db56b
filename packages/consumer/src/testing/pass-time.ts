/** Lets virtual time pass, timer by timer; what is ready to run always runs first. */
import type { VirtualClock } from '@millrace/std/testing'

export async function passTime(clock: VirtualClock, ms: number): Promise<void> {
  const untilMs = clock.monotonic() + ms
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    const due = clock.nextDueMs
    if (due === undefined || due > untilMs) break
    clock.advance(Math.max(0, due - clock.monotonic()))
  }
  clock.advance(untilMs - clock.monotonic())
}
