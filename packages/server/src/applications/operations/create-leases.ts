/** CreateLeases: stores leases that are not there yet. */
import { CreateLeases, LEASES_PER_APPLICATION_MAX } from '@millrace/protocol'

import { handle } from '../../operations/operation.ts'
import { encodeLease } from '../documents.ts'
import { tooMany } from '../faults.ts'
import { assertRoom } from '../lease-changes.ts'

export const createLeases = handle(CreateLeases, async (input, { applications }, context) => {
  const { account, region, deadlineMs } = context
  const key = { account, region, name: input.ApplicationName }
  const { table } = await applications.ensure(key, 0, deadlineMs)
  const missing = input.Leases.filter((lease) => table.get(lease.LeaseKey) === undefined).map((lease) => ({
    key: lease.LeaseKey,
    value: encodeLease(lease),
  }))
  if (table.size + missing.length > LEASES_PER_APPLICATION_MAX) throw tooMany('leases', key, LEASES_PER_APPLICATION_MAX)
  assertRoom(applications, key, missing.reduce((sum, { value }) => sum + value.length, 0)) // prettier-ignore
  // One that was made meanwhile stays as it is.
  await Promise.all(missing.map((lease) => applications.writeLease(key, lease.key, 0, lease.value, deadlineMs)))
})
