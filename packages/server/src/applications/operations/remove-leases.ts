/** RemoveLeases: takes leases away, each on the condition that its term is not over. */
import { RemoveLeases } from '@millrace/protocol'
import { settleAll } from '@millrace/std'

import { handle } from '../../operations/operation.ts'
import { changeLease, findApplication } from '../lease-changes.ts'

export const removeLeases = handle(RemoveLeases, async (input, { applications }, context) => {
  const { key } = findApplication(applications, input.ApplicationName, context)
  await settleAll(input.Leases.map((lease) => changeLease(applications, key, lease, undefined, context.deadlineMs)))
})
