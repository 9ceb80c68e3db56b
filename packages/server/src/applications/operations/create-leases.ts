/** CreateLeases: stores leases that are not there yet. */
import { CreateLeases, LEASES_PER_APPLICATION_MAX } from '@millrace/protocol'
import { settleAll } from '@millrace/std'

import { handle } from '../../operations/operation.ts'
import { encodeLease } from '../documents.ts'
import { tooMany } from '../faults.ts'
import { assertRoom } from '../lease-changes.ts'

export const createLeases = handle(CreateLeases, async (input, { applications }, context) => {
  const { account, region, deadlineMs } = context
  const key = { account, region, name: input.ApplicationName }
  const application = await applications.ensure(key, 0, context)
  const { table, writes } = application
  const missing = new Map<string, Uint8Array>()
  // Of two of one key the first is stored.
  for (const lease of input.Leases)
    if (table.get(lease.LeaseKey) === undefined && !missing.has(lease.LeaseKey))
      missing.set(lease.LeaseKey, encodeLease(lease))
  // What others are making already counts as it is.
  const fresh = [...missing].filter(([name]) => !writes.has(name))
  if (application.leaseCount + fresh.length > LEASES_PER_APPLICATION_MAX)
    throw tooMany('leases', key, LEASES_PER_APPLICATION_MAX)
  assertRoom(applications, key, fresh.reduce((sum, [, value]) => sum + value.length, 0)) // prettier-ignore
  // In the turn of the checks, so that each write counts for the next who checks. One that was made meanwhile stays as it is.
  await settleAll([...missing].map(([name, value]) => applications.writeLease(key, name, 0, value, deadlineMs)))
})
