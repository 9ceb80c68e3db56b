import { DeleteResourcePolicy, KinesisError } from '@millrace/protocol'

import { handle } from './operation.ts'
import { changeLabels, resourceKeyOf } from './resource-lookup.ts'

/** Takes the policy of what an ARN names away. */
export const deleteResourcePolicy = handle(DeleteResourcePolicy, async (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, DeleteResourcePolicy.name, service, context)
  await changeLabels(key, service, context, ({ policy, ...labels }) => {
    if (policy === undefined) {
      // AWS's text is unknown.
      throw new KinesisError(
        'ResourceNotFoundException',
        `No resource policy found for resource ARN ${input.ResourceARN}.`,
      )
    }
    return labels
  })
})
