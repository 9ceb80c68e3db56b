import { PutResourcePolicy } from '@millrace/protocol'

import { compilePolicy, PolicyFault } from '../auth/iam/policy.ts'
import { policyFault } from '../streams/resource-policy.ts'
import { invalidArgument } from './faults.ts'
import { handle } from './operation.ts'
import { changeLabels, resourceKeyOf } from './resource-lookup.ts'

/** Gives what an ARN names a policy in place of the one it had. */
export const putResourcePolicy = handle(PutResourcePolicy, async (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, PutResourcePolicy.name, service, context)
  await changeLabels(key, service, context, (labels) => {
    const fault = policyFault(input.Policy, input.ResourceARN) ?? languageFault(input.Policy)
    // AWS's text is unknown.
    if (fault !== undefined) throw invalidArgument(`The policy of ${input.ResourceARN} cannot be taken: ${fault}.`)
    return { ...labels, policy: input.Policy }
  })
})

/** What IAM's language does not have, for people. */
function languageFault(policy: string): string | undefined {
  try {
    compilePolicy(JSON.parse(policy), 'resource')
    return undefined
  } catch (error) {
    if (error instanceof PolicyFault) return error.message
    throw error
  }
}
