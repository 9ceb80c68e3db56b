/** `millrace app delete`: an application is forgotten, with all its leases and checkpoints; not while its workers live. */
import { deleteApplication } from '@millrace/consumer'
import { addApplicationOptions, type ApplicationOptions, applicationNamed, withApplications } from '../../applications/session.ts' // prettier-ignore
import { confirmName, requireMeant } from '../../confirm.ts'
import type { DefineCommand } from '../../define-command.ts'
import { formatCounted } from '../../output/quantities.ts'

interface Options extends ApplicationOptions {
  readonly yes?: boolean
  readonly force?: boolean
}

export const defineAppDelete: DefineCommand = (command, shell) => {
  addApplicationOptions(command)
    .argument('[application]')
    .option('--stream <name>', 'for a table of a KCL: whose its leases are')
    .option('--yes', 'do not ask; required where there is no terminal')
    .option('--force', 'also while workers live')
    .action(async (name: string | undefined, options: Options) => {
      const application = applicationNamed(name, options)
      requireMeant(shell, options.yes, `deleting ${application} deletes its checkpoints`)
      await withApplications(shell, options, async ({ applications: administration, reporter, signal }) => {
        if (options.yes !== true) {
          const { leases, workers } = await administration.describe(application, signal)
          const what = `${formatCounted(leases.length, 'lease')}, with ${formatCounted(workers.length, 'live worker')}`
          await confirmName(application, `This deletes ${application} and its checkpoints: ${what}.`, shell)
        }
        const { force } = options
        const leases = await deleteApplication({ administration, application, force, signal })
        await reporter.result(
          { name: application, leases, deleted: true },
          `deleted ${application}: ${formatCounted(leases, 'lease')}`,
        )
      })
    })
}
