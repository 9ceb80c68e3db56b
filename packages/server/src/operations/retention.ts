/** What the two retention operations share: they differ in the direction they allow, and both take the present value. */
import { RETENTION_HOURS_MAX, RETENTION_HOURS_MIN } from '@millrace/protocol'

import { changeRetention } from '../streams/retention.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import { invalidArgument, notActive, streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

interface Request {
  readonly key: StreamKey
  readonly hours: number
  /** Throws when the stream's retention may not become `hours`. */
  readonly assertDirection: (stream: Stream) => void
}

export async function setRetention(request: Request, service: ServiceParts, context: OperationContext): Promise<void> {
  const { key, hours, assertDirection } = request
  let isLonger = false
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    if (hours < RETENTION_HOURS_MIN) {
      throw invalidArgument(
        `Minimum allowed retention period is ${RETENTION_HOURS_MIN} hours. ` +
          `Requested retention period (${hours} hours) is too short.`,
      )
    }
    if (hours > RETENTION_HOURS_MAX) {
      throw invalidArgument(
        `Maximum allowed retention period is ${RETENTION_HOURS_MAX} hours. ` +
          `Requested retention period (${hours} hours) is too long.`,
      )
    }
    assertDirection(stream)
    isLonger = hours > stream.retentionHours
    if (hours === stream.retentionHours) return { stream }
    return { stream: changeRetention(stream, hours, (keptHours) => service.guardedClock.now(keptHours)) }
  })
  if (isLonger) await service.retention.tellLonger(key)
}
