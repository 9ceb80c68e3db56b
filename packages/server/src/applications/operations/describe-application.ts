/** DescribeApplication: the leases of an application, by key, and who lives. */
import { applicationArn, DESCRIBE_APPLICATION_PAGE_MAX, DescribeApplication } from '@millrace/protocol'

import { handle } from '../../operations/operation.ts'
import { findApplication } from '../lease-changes.ts'
import { describeWorkers } from './beat-session.ts'

export const describeApplication = handle(DescribeApplication, (input, { applications }, context) => {
  const { key, table, sessions } = findApplication(applications, input.ApplicationName, context)
  const { leases, hasMore } = table.page(input.ExclusiveStartLeaseKey, input.Limit ?? DESCRIBE_APPLICATION_PAGE_MAX)
  return {
    ApplicationName: key.name,
    ApplicationARN: applicationArn(key),
    Leases: leases,
    HasMoreLeases: hasMore,
    Workers: describeWorkers(sessions.workers),
  }
})
