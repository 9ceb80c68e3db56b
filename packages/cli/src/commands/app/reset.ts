/** `millrace app reset`: an application, or some shards of it, begins elsewhere; while the fleet runs. */
import { resetApplication } from '@millrace/consumer'
import { initialPosition } from '../../applications/lease-position.ts'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, leasesToChange, withApplications } from '../../applications/session.ts' // prettier-ignore
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { formatCounted } from '../../output/quantities.ts'
import { parsePosition } from '../../values/position.ts'

interface Options extends ApplicationOptions {
  readonly to?: string
}

export const defineAppReset: DefineCommand = (command, shell) => {
  addLeaseOptions(command)
    .option('--to <position>', 'trim-horizon, latest, or a time such as -2h or at:2026-11-22T10:00:00Z')
    .action(async (name: string | undefined, options: Options) => {
      const application = applicationNamed(name, options)
      if (options.to === undefined)
        throw usageError('where to?', `such as: millrace app reset ${application} --to trim-horizon`)
      const position = parsePosition(options.to, shell.clock.now())
      if (position.kind === 'sequence')
        throw usageError('a sequence number belongs to one shard', `millrace app seek ${application} --shard <shard> --to ${options.to}`) // prettier-ignore
      await withApplications(shell, options, async ({ applications, client, reporter, signal }) => {
        const leases = await applications.leases(application, signal)
        const chosen = leasesToChange(application, leases, options)
        const changed = await resetApplication({
          administration: applications,
          application,
          leases: chosen,
          remakes: options.shard === undefined,
          service: client,
          to: initialPosition(position),
          clock: shell.clock,
          signal,
        })
        await reporter.result(
          { name: application, leases: changed, to: options.to },
          `${formatCounted(changed, 'lease')} of ${application} begin at ${options.to}`,
        )
      })
    })
}
