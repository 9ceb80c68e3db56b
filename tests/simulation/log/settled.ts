/**
 * Drives a program on a virtual clock and a simulated disk to the end of one promise. Disks answer within a turn of
 * the event loop; when a turn brings nothing, time moves to the next timer. With no timer either the program hangs.
 */
import { setImmediate } from 'node:timers/promises'
import type { VirtualClock } from '@millrace/std/testing'

/** Far more than any history needs: a loop of timers that leads nowhere is a hang too. */
const TURNS_MAX = 20_000

export async function settled<T>(clock: VirtualClock, promise: Promise<T> | T): Promise<T> {
  let done = false
  const finish = (): void => void (done = true)
  Promise.resolve(promise).then(finish, finish)
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    await setImmediate()
    if (done) return promise
    const due = clock.nextDueMs
    if (due === undefined)
      throw new Error('hang: nothing is under way on the disk, no timer is set, and no answer came')
    clock.advance(Math.max(0, due - clock.monotonic()))
  }
  throw new Error(`hang: no answer after ${TURNS_MAX} timers`)
}
