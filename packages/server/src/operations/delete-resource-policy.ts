import { DeleteResourcePolicy, KinesisError } from '@millrace/protocol'

import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'

/** Takes a stream's policy away. */
export const deleteResourcePolicy = handle(DeleteResourcePolicy, async (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, DeleteResourcePolicy.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    const { policy, ...rest } = stream
    if (policy === undefined) {
      // AWS's text is unknown.
      throw new KinesisError(
        'ResourceNotFoundException',
        `No resource policy found for resource ARN ${input.ResourceARN}.`,
      )
    }
    return { stream: rest }
  })
})
