/** DeleteApplication: takes an application away with everything it knows. */
import { DeleteApplication } from '@millrace/protocol'
import { settleAll } from '@millrace/std'

import { handle } from '../../operations/operation.ts'
import { applicationInUse } from '../faults.ts'
import { changeLease, findApplication } from '../lease-changes.ts'

/** Written at a time, so that others find room in the queue. */
const LEASES_AT_ONCE = 1_000

export const deleteApplication = handle(DeleteApplication, async (input, { applications }, context) => {
  const { deadlineMs } = context
  const application = findApplication(applications, input.ApplicationName, context)
  const { key, table, sessions } = application
  if (input.Force !== true && sessions.size > 0) throw applicationInUse(key, sessions.size)
  application.endSessions()
  // Again while workers that live still write; the deadline ends it.
  while (table.size > 0) {
    await settleAll(
      table
        .page(undefined, LEASES_AT_ONCE)
        .leases.map((lease) => changeLease(applications, key, lease, undefined, deadlineMs)),
    )
  }
  await applications.removeRoot(application, deadlineMs)
})
