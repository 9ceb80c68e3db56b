import { PutResourcePolicy } from '@millrace/protocol'

import { policyFault } from '../streams/resource-policy.ts'
import { invalidArgument, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'

/** Gives a stream a policy in place of the one it had. */
export const putResourcePolicy = handle(PutResourcePolicy, async (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, PutResourcePolicy.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    const fault = policyFault(input.Policy, input.ResourceARN)
    // AWS's text is unknown.
    if (fault !== undefined) throw invalidArgument(`The policy of ${input.ResourceARN} cannot be taken: ${fault}.`)
    return { stream: { ...stream, policy: input.Policy } }
  })
})
