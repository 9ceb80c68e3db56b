/** `millrace app pause` and `resume`: leases that nobody processes until they are resumed. */
import { pauseLeases, resumeLeases } from '@millrace/consumer'
import { addLeaseOptions, type ApplicationOptions, applicationNamed, leasesToChange, withApplications } from '../../applications/session.ts' // prettier-ignore
import type { DefineCommand } from '../../define-command.ts'
import { formatCounted } from '../../output/quantities.ts'

export const defineAppPause = pausing(true)
export const defineAppResume = pausing(false)

function pausing(paused: boolean): DefineCommand {
  return (command, shell) => {
    addLeaseOptions(command).action(async (name: string | undefined, options: ApplicationOptions) => {
      const application = applicationNamed(name, options)
      await withApplications(shell, options, async ({ applications, reporter, signal }) => {
        const leases = await applications.leases(application, signal)
        const chosen = leasesToChange(application, leases, options)
        const target = { administration: applications, application, leases: chosen, signal }
        const changed = await (paused ? pauseLeases(target) : resumeLeases(target))
        await reporter.result(
          { name: application, leases: changed, paused },
          `${formatCounted(changed, 'lease')} of ${application} ${paused ? 'paused' : 'resumed'}`,
        )
      })
    })
  }
}
