import { GetResourcePolicy } from '@millrace/protocol'

import { handle } from './operation.ts'
import { getLabels, resourceKeyOf } from './resource-lookup.ts'

/** The policy of what an ARN names, letter for letter as it was put. */
export const getResourcePolicy = handle(GetResourcePolicy, (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, GetResourcePolicy.name, service, context)
  return { Policy: getLabels(key, service).policy ?? '{}' }
})
