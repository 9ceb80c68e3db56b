/** ListApplications on the wire: its input and what it may answer. */
import { ownOperation } from '../operation.ts'
import { boolean, type Infer, integer, list, required, structure, timestamp } from '../schema/schema.ts'
import { LIST_APPLICATIONS_PAGE_MAX } from './limits.ts'
import { ApplicationARN, ApplicationName } from './shapes.ts'

const Input = structure('ListApplicationsInput', {
  Limit: integer({ min: 1, max: LIST_APPLICATIONS_PAGE_MAX }),
  ExclusiveStartApplicationName: ApplicationName,
})

const Output = structure('ListApplicationsOutput', {
  Applications: required(
    list(
      structure('ApplicationSummary', {
        ApplicationName: required(ApplicationName),
        ApplicationARN: required(ApplicationARN),
        /** Absent of one that was deleted while leases were created through another server. */
        CreationTimestamp: timestamp(),
        LeaseCount: required(integer()),
        WorkerCount: required(integer()),
      }),
    ),
  ),
  HasMoreApplications: required(boolean()),
})

/** The applications of the account and region, by name. */
export const ListApplications = ownOperation('ListApplications', {
  input: Input,
  output: Output,
  errors: ['AccessDeniedException', 'InternalFailureException'],
})

export type ListApplicationsInput = Infer<typeof Input>
export type ListApplicationsOutput = Infer<typeof Output>
