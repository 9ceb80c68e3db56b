/**
 * The end of every operation that begins a change. Without a status delay the change is finished, durably, before the
 * call answers; with one it is left to the background. So is one that takes longer than the request may: it was begun
 * durably, which is all that the service itself answers for, and its status tells how far it is.
 */
import type { StreamKey } from '../streams/stream.ts'
import { beforeDeadline, NotFinishedError } from './before-deadline.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export async function settle(key: StreamKey, service: ServiceParts, context: OperationContext): Promise<void> {
  if (service.statusDelayMs > 0) return
  try {
    await beforeDeadline(service.transitions.finish(key), service.clock, context)
  } catch (error) {
    if (!(error instanceof NotFinishedError)) throw error
  }
}
