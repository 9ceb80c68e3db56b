import { IncreaseStreamRetentionPeriod } from '@millrace/protocol'

import { invalidArgument } from './faults.ts'
import { handle } from './operation.ts'
import { setRetention } from './retention.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Keeps records longer. What is already gone stays gone. */
export const increaseStreamRetentionPeriod = handle(IncreaseStreamRetentionPeriod, (input, service, context) => {
  const key = streamKeyOf(input, IncreaseStreamRetentionPeriod.name, context)
  const hours = input.RetentionPeriodHours
  const assertDirection = ({ retentionHours }: { readonly retentionHours: number }): void => {
    if (hours >= retentionHours) return
    throw invalidArgument(
      `Requested retention period (${hours} hours) for stream ${key.name} can not be shorter than existing retention ` +
        `period (${retentionHours} hours). Use DecreaseRetentionPeriod API.`,
    )
  }
  return setRetention({ key, hours, assertDirection }, service, context)
})
