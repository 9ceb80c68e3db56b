/** `millrace app seek`: one shard of an application begins elsewhere; while the fleet runs. */
import { seekLeases } from '@millrace/consumer'
import { seekPosition } from '../../applications/lease-position.ts'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, leasesToChange, withApplications } from '../../applications/session.ts' // prettier-ignore
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { formatCounted } from '../../output/quantities.ts'
import { parsePosition } from '../../values/position.ts'

interface Options extends ApplicationOptions {
  readonly to?: string
}

export const defineAppSeek: DefineCommand = (command, shell) => {
  addLeaseOptions(command)
    .option('--to <position>', 'after:<sequence number>, or as for reset')
    .action(async (name: string | undefined, options: Options) => {
      const application = applicationNamed(name, options)
      const { shard, to } = options
      if (shard === undefined) throw usageError('which shard?', 'name it with --shard; all of them: millrace app reset')
      if (to === undefined) throw usageError('where to?', 'such as: --to after:<sequence number>, or --to -15m')
      const position = seekPosition(parsePosition(to, shell.clock.now()))
      await withApplications(shell, options, async ({ applications, reporter, signal }) => {
        const leases = await applications.leases(application, signal)
        const chosen = leasesToChange(application, leases, options)
        if (typeof position === 'object' && 'after' in position && chosen.length > 1)
          throw usageError('a sequence number belongs to one shard', 'name one with --shard, and its stream with --stream') // prettier-ignore
        const target = { administration: applications, application, leases: chosen, signal }
        const changed = await seekLeases({ ...target, to: position, clock: shell.clock })
        await reporter.result(
          { name: application, leases: changed, to },
          `${formatCounted(changed, 'lease')} of ${application} goes on from ${to}`,
        )
      })
    })
}
