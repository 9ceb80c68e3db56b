import { DecreaseStreamRetentionPeriod } from '@millrace/protocol'

import { invalidArgument } from './faults.ts'
import { handle } from './operation.ts'
import { setRetention } from './retention.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Keeps records for a shorter time. Older ones are gone at once, and for good. */
export const decreaseStreamRetentionPeriod = handle(DecreaseStreamRetentionPeriod, (input, service, context) => {
  const key = streamKeyOf(input, DecreaseStreamRetentionPeriod.name, context)
  const hours = input.RetentionPeriodHours
  const assertDirection = ({ retentionHours }: { readonly retentionHours: number }): void => {
    if (hours <= retentionHours) return
    throw invalidArgument(
      `Requested retention period (${hours} hours) for stream ${key.name} can not be longer than existing retention ` +
        `period (${retentionHours} hours). Use IncreaseRetentionPeriod API.`,
    )
  }
  return setRetention({ key, hours, assertDirection }, service, context)
})
