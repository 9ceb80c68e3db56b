import { UpdateStreamRecordDistributionStrategy } from '@millrace/protocol'

import { invalidArgument, notActive } from './faults.ts'
import { handle } from './operation.ts'
import { getStream } from './stream-lookup.ts'

/**
 * Chooses how a stream places its records. All streams are provisioned so far, and those place them by partition key:
 * to ask for that changes nothing, and to ask for anything else is refused.
 */
export const updateStreamRecordDistributionStrategy = handle(
  UpdateStreamRecordDistributionStrategy,
  (input, service, context) => {
    const stream = getStream(input, UpdateStreamRecordDistributionStrategy.name, service, context)
    if (stream.status !== 'ACTIVE') throw notActive(stream)
    // AWS's text is unknown: that of CreateStream.
    if (input.RecordDistributionStrategy === 'AUTO')
      throw invalidArgument('RecordDistributionStrategy AUTO is only allowed for streams in ON_DEMAND mode.')
  },
)
