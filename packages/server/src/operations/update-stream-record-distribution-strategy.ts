import { UpdateStreamRecordDistributionStrategy } from '@millrace/protocol'

import { autoDistributionOfProvisioned, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'

/**
 * Chooses how an on-demand stream places its records, from the next one on. Provisioned streams place them by partition
 * key: to ask for that changes nothing, and to ask for anything else is refused.
 */
export const updateStreamRecordDistributionStrategy = handle(
  UpdateStreamRecordDistributionStrategy,
  async (input, service, context) => {
    const key = streamKeyOf({ StreamARN: input.StreamARN }, UpdateStreamRecordDistributionStrategy.name, context)
    const distribution = input.RecordDistributionStrategy
    await service.catalog.change(key, context.deadlineMs, (stream) => {
      if (stream === undefined) throw streamNotFound(key)
      assertActive(stream)
      const { onDemand } = stream
      if (onDemand === undefined && distribution === 'AUTO') throw autoDistributionOfProvisioned()
      if (onDemand === undefined || onDemand.distribution === distribution) return { stream }
      return { stream: { ...stream, onDemand: { ...onDemand, distribution } } }
    })
  },
)
