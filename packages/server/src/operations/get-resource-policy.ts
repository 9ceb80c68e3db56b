import { GetResourcePolicy } from '@millrace/protocol'

import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'

/** A stream's policy, letter for letter as it was put. */
export const getResourcePolicy = handle(GetResourcePolicy, (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, GetResourcePolicy.name, context)
  const stream = service.catalog.find(key)
  if (stream === undefined) throw streamNotFound(key)
  return { Policy: stream.policy ?? '{}' }
})
