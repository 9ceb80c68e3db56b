/**
 * The end of every operation that begins a change. Without a status delay the change is finished, durably, before the
 * call answers; with one it is left to the background.
 */
import type { StreamKey } from '../streams/stream.ts'
import { beforeDeadline } from './before-deadline.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export async function settle(key: StreamKey, service: ServiceParts, context: OperationContext): Promise<void> {
  if (service.statusDelayMs > 0) return
  await beforeDeadline(service.transitions.finish(key), service.clock, context)
}
