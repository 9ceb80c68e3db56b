/** Waits for what may take longer than the caller has. */
import type { Clock } from '@millrace/std'

import { EngineError } from '../engine/engine.ts'
import type { OperationContext } from './operation.ts'

/** The work goes on, but its caller can wait no longer. */
export class NotFinishedError extends EngineError {
  constructor() {
    super('unknown', 'not finished before the deadline of the request')
  }
}

/** Rejects with NotFinishedError at the deadline, or when the caller is gone; the work itself goes on. */
export function beforeDeadline<T>(work: Promise<T>, clock: Clock, context: OperationContext): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new NotFinishedError())
    if (context.signal.aborted) giveUp()
    const timer = clock.setTimer(Math.max(0, context.deadlineMs - clock.monotonic()), giveUp)
    context.signal.addEventListener('abort', giveUp, { once: true })
    const settled = (): void => {
      timer.cancel()
      context.signal.removeEventListener('abort', giveUp)
    }
    void work.then(resolve, reject).finally(settled)
  })
}
