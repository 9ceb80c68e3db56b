/** LeaveSession: a worker goes, and its leases are free at once. */
import { LeaveSession } from '@millrace/protocol'

import { handle } from '../../operations/operation.ts'

export const leaveSession = handle(LeaveSession, (input, { applications }, { account, region }) => {
  applications.find({ account, region, name: input.ApplicationName })?.leave(input.Worker)
})
