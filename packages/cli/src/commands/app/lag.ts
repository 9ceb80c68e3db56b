/** `millrace app lag`: how far an application is behind, shard by shard. */
import { type Lag, lagsOf } from '../../applications/lag.ts'
import { checkpointColumn, leaseColumns } from '../../applications/lease-columns.ts'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, chosenLeases, withApplications } from '../../applications/session.ts' // prettier-ignore
import type { DefineCommand } from '../../define-command.ts'
import { formatDuration } from '../../output/quantities.ts'
import type { Column } from '../../output/table.ts'

const columns: readonly Column<Lag>[] = [
  ...leaseColumns.map((column) => ({ ...column, cell: ({ lease }: Lag) => column.cell(lease) })),
  { header: 'lag', cell: ({ lagMs }) => (lagMs === undefined ? '-' : formatDuration(lagMs)), align: 'right' },
  { ...checkpointColumn, cell: ({ lease }) => checkpointColumn.cell(lease) },
]

export const defineAppLag: DefineCommand = (command, shell) => {
  addLeaseOptions(command).action(async (name: string | undefined, options: ApplicationOptions) => {
    const application = applicationNamed(name, options)
    await withApplications(shell, options, async ({ applications, client, reporter, signal }) => {
      const leases = await applications.leases(application, signal)
      const chosen = chosenLeases(application, leases, options)
      const lags = await lagsOf(client, chosen, () => shell.clock.now(), signal)
      await reporter.list(columns, lags, ({ lease, lagMs }) => ({
        stream: lease.stream,
        shardId: lease.shardId,
        owner: lease.owner,
        lagMs: lagMs ?? null,
        sequenceNumber: lease.checkpoint.sequenceNumber,
        subSequenceNumber: lease.checkpoint.subSequenceNumber,
      }))
      const known = lags.flatMap(({ lagMs }) => (lagMs === undefined ? [] : [lagMs]))
      await reporter.note(known.length === 0 ? 'nothing is known to be left' : `at most ${formatDuration(Math.max(...known))} behind`) // prettier-ignore
    })
  })
}
