/** `millrace app describe`: the leases of an application and the workers that live. */
import { checkpointColumn, leaseColumns, leaseDocument, stateOf } from '../../applications/lease-columns.ts'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, chosenLeases, withApplications } from '../../applications/session.ts' // prettier-ignore
import type { DefineCommand } from '../../define-command.ts'
import { formatCounted } from '../../output/quantities.ts'

export const defineAppDescribe: DefineCommand = (command, shell) => {
  addLeaseOptions(command).action(async (name: string | undefined, options: ApplicationOptions) => {
    const application = applicationNamed(name, options)
    await withApplications(shell, options, async ({ applications, reporter, signal }) => {
      const { leases, workers } = await applications.describe(application, signal)
      const chosen = chosenLeases(application, leases, options)
      const live = new Set(workers.map(({ worker }) => worker))
      if (reporter.json && !reporter.jsonLines) {
        const documents = chosen.map((lease) => ({ ...leaseDocument(lease), state: stateOf(lease, live) }))
        return shell.stdout.write(`${JSON.stringify({ name: application, workers, leases: documents })}\n`)
      }
      await reporter.note(`${formatCounted(workers.length, 'live worker')}: ${[...live].join(', ') || '-'}`)
      await reporter.list(
        [
          ...leaseColumns,
          { header: 'state', cell: (lease) => stateOf(lease, live) },
          { header: 'epoch', cell: ({ epoch }) => String(epoch), align: 'right' },
          checkpointColumn,
        ],
        chosen,
        (lease) => ({ ...leaseDocument(lease), state: stateOf(lease, live) }),
      )
    })
  })
}
