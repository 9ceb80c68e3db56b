/**
 * Drives a program on a virtual clock and a simulated disk to the end of one promise. Disks answer by promises alone,
 * so that a tick comes when all that can happen has; then time moves to the next timer. With no timer either the
 * program hangs. The event loop does not turn meanwhile: whoever drives for long gives it a turn now and then.
 */
import type { VirtualClock } from '@millrace/std/testing'

/** Far more than any history needs: a loop of timers that leads nowhere is a hang too. */
const TURNS_MAX = 20_000

export async function settled<T>(clock: VirtualClock, promise: Promise<T> | T): Promise<T> {
  let done = false
  const finish = (): void => void (done = true)
  Promise.resolve(promise).then(finish, finish)
  // Called outside of a promise's turn a tick would come before the promises.
  await undefined
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    await new Promise<void>((resume) => process.nextTick(resume))
    if (done) return promise
    const due = clock.nextDueMs
    if (due === undefined)
      throw new Error('hang: nothing is under way on the disk, no timer is set, and no answer came')
    clock.advance(Math.max(0, due - clock.monotonic()))
  }
  throw new Error(`hang: no answer after ${TURNS_MAX} timers`)
}

/** Lets so much time pass, and everything happen that it brings. */
export async function idle(clock: VirtualClock, ms: number): Promise<void> {
  await settled(clock, new Promise<void>((done) => void clock.setTimer(ms, done)))
}
