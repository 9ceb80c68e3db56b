/** ListApplications: the applications of the account and region, by name. */
import { applicationArn, LIST_APPLICATIONS_PAGE_MAX, ListApplications } from '@millrace/protocol'

import { handle } from '../../operations/operation.ts'

export const listApplications = handle(ListApplications, (input, { applications }, { account, region }) => {
  const { Limit = LIST_APPLICATIONS_PAGE_MAX, ExclusiveStartApplicationName: after = '' } = input
  const rest = applications.list(account, region).filter(({ key }) => key.name > after)
  return {
    Applications: rest.slice(0, Limit).map(({ key, root, table, sessions }) => ({
      ApplicationName: key.name,
      ApplicationARN: applicationArn(key),
      CreationTimestamp: root?.value.createdMs,
      LeaseCount: table.size,
      WorkerCount: sessions.size,
    })),
    HasMoreApplications: rest.length > Limit,
  }
})
