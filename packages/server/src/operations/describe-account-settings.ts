import { DescribeAccountSettings } from '@millrace/protocol'

import { readAccountSettings } from '../catalog/account-settings.ts'
import { handle } from './operation.ts'
import { describeCommitment } from './throughput-commitment.ts'

/** Whether the account has committed itself. */
export const describeAccountSettings = handle(DescribeAccountSettings, async (_, service, context) => {
  const { commitment } = await readAccountSettings(service.engine.meta, context)
  return { MinimumThroughputBillingCommitment: describeCommitment(commitment, service.clock.now()) }
})
