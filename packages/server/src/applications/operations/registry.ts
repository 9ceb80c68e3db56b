/** What each operation of the lease API does. To add one: its file beside this one, and a line here. */
import type { Handler } from '../../operations/operation.ts'
import { beatSession } from './beat-session.ts'
import { createLeases } from './create-leases.ts'
import { deleteApplication } from './delete-application.ts'
import { describeApplication } from './describe-application.ts'
import { leaveSession } from './leave-session.ts'
import { listApplications } from './list-applications.ts'
import { removeLeases } from './remove-leases.ts'
import { updateLeases } from './update-leases.ts'

const all: readonly Handler[] = [
  beatSession,
  leaveSession,
  createLeases,
  updateLeases,
  removeLeases,
  listApplications,
  describeApplication,
  deleteApplication,
]

export const applicationHandlers: ReadonlyMap<string, Handler> = new Map(all.map((handler) => [handler.name, handler]))
