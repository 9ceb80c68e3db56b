/** Changes leases while the fleet runs: what a worker changed meanwhile is changed on top of that. */
import type { Lease, LeaseAdministration, LeaseChange, LeaseUpdateResult } from '@millrace/consumer'
import { CommandError } from '../exit-code.ts'

/** A lease changes hands a few times a second at most. */
const ROUNDS_MAX = 20

/** `changeOf`: what is to be changed of a lease as it is now; `undefined`: nothing. Gives back those that were changed. */
export async function changeLeases(
  applications: Pick<LeaseAdministration, 'update'>,
  application: string,
  leases: readonly Lease[],
  changeOf: (lease: Lease) => LeaseChange | undefined,
  signal: AbortSignal,
): Promise<readonly Lease[]> {
  const changed: Lease[] = []
  let open = leases
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const updates = open.flatMap((lease) => {
      const change = changeOf(lease)
      return change === undefined ? [] : [{ key: lease.key, epoch: lease.epoch, change }]
    })
    if (updates.length === 0) return changed
    const results: readonly LeaseUpdateResult[] = await applications.update(application, updates, signal)
    open = results.flatMap((result) => (result.outcome === 'conflict' ? [result.lease] : []))
    changed.push(...results.flatMap((result) => (result.outcome === 'updated' ? [result.lease] : [])))
  }
  throw new CommandError({
    ending: 'partly',
    code: 'LeasesKeepChanging',
    message: `${open.length} of ${leases.length} leases of ${application} changed hands each time they were to be changed`,
    hint: 'do it again; or stop the workers first',
  })
}
