import { UpdateAccountSettings } from '@millrace/protocol'

import { changeAccountSettings } from '../catalog/account-settings.ts'
import { handle } from './operation.ts'
import { describeCommitment, disabledCommitment, enabledCommitment } from './throughput-commitment.ts'

/** Begins or ends the account's commitment. It is stored and told; nobody is billed here. */
export const updateAccountSettings = handle(UpdateAccountSettings, async (input, service, context) => {
  const nowMs = service.clock.now()
  const next = input.MinimumThroughputBillingCommitment.Status === 'ENABLED' ? enabledCommitment : disabledCommitment
  const { commitment } = await changeAccountSettings(
    service.engine.meta,
    context,
    context.deadlineMs,
    ({ commitment: before, ...rest }) => {
      const after = next(before, nowMs)
      return after === undefined ? rest : { ...rest, commitment: after }
    },
  )
  return { MinimumThroughputBillingCommitment: describeCommitment(commitment, nowMs) }
})
