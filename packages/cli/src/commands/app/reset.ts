/** `millrace app reset`: an application, or some shards of it, begins elsewhere; while the fleet runs. */
import { changeLeases } from '../../applications/change-leases.ts'
import { leasesToRepeat, movedTo, partedByEnd } from '../../applications/moved-leases.ts'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, chosenLeases, withApplications } from '../../applications/session.ts' // prettier-ignore
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
        const chosen = chosenLeases(application, leases, options)
        const isWhole = options.shard === undefined
        const repeated = isWhole ? await leasesToRepeat(client, chosen, position) : []
        await applications.create(application, repeated, signal)
        let changed = repeated.length
        const move = movedTo(position, shell.clock.now())
        // Those at their end first: their children wait for them from then on. Nothing in them is later than all.
        const [ended, open] = partedByEnd(chosen)
        for (const part of position.kind === 'latest' ? [open] : [ended, open])
          changed += (await changeLeases(applications, application, part, move, signal)).length
        await reporter.result(
          { name: application, leases: changed, to: options.to },
          `${formatCounted(changed, 'lease')} of ${application} begin at ${options.to}`,
        )
      })
    })
}
