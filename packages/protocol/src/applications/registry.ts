/** The operations of the lease API. To add one: its file beside this one, and a line here. */
import type { Operation } from '../operation.ts'
import { BeatSession } from './beat-session.ts'
import { CreateLeases } from './create-leases.ts'
import { DeleteApplication } from './delete-application.ts'
import { DescribeApplication } from './describe-application.ts'
import { LeaveSession } from './leave-session.ts'
import { ListApplications } from './list-applications.ts'
import { RemoveLeases } from './remove-leases.ts'
import { UpdateLeases } from './update-leases.ts'

const all: readonly Operation[] = [
  BeatSession,
  LeaveSession,
  CreateLeases,
  UpdateLeases,
  RemoveLeases,
  ListApplications,
  DescribeApplication,
  DeleteApplication,
]

export const applicationOperations: ReadonlyMap<string, Operation> = new Map(
  all.map((operation) => [operation.name, operation]),
)
