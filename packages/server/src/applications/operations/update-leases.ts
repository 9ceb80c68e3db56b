/** UpdateLeases: changes of single leases, each on the condition that its term is not over. */
import { UpdateLeases } from '@millrace/protocol'
import { settleAll } from '@millrace/std'

import { handle } from '../../operations/operation.ts'
import { changeLease, findApplication } from '../lease-changes.ts'

const outcomes = { done: 'UPDATED', conflict: 'CONFLICT', gone: 'GONE' } as const

export const updateLeases = handle(UpdateLeases, async (input, { applications }, context) => {
  const { key } = findApplication(applications, input.ApplicationName, context)
  const Results = await settleAll(
    input.Updates.map(async (update) => {
      const outcome = await changeLease(applications, key, update, update.Change, context.deadlineMs)
      return { Outcome: outcomes[outcome.kind], ...(outcome.kind === 'gone' ? {} : { Lease: outcome.lease }) }
    }),
  )
  return { Results }
})
