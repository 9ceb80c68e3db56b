/** `millrace app list`: the applications whose leases the store keeps. */
import type { ApplicationSummary } from '@millrace/consumer'
import { addApplicationOptions, type ApplicationOptions, withApplications } from '../../applications/session.ts'
import type { DefineCommand } from '../../define-command.ts'
import type { Column } from '../../output/table.ts'
import { isoTime } from '../stream/list.ts'

const columns: readonly Column<ApplicationSummary>[] = [
  { header: 'application', cell: ({ name }) => name, cut: 'end' },
  { header: 'leases', cell: ({ leases }) => String(leases), align: 'right' },
  { header: 'workers', cell: ({ workers }) => String(workers), align: 'right' },
  { header: 'created', cell: ({ createdAtMs }) => isoTime(createdAtMs) ?? '' },
]

export const defineAppList: DefineCommand = (command, shell) => {
  addApplicationOptions(command).action(async (options: ApplicationOptions) => {
    await withApplications(shell, options, async ({ applications, reporter, signal }) => {
      const all = await applications.list(signal)
      await reporter.list(columns, all, ({ name, leases, workers, createdAtMs }) => ({
        name,
        leases,
        workers,
        createdAt: isoTime(createdAtMs),
      }))
      if (all.length === 0) await reporter.note('no applications yet; a worker of @millrace/consumer makes one')
    })
  })
}
