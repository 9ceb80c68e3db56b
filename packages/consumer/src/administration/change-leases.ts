/** Changes leases while the fleet runs: what a worker changed meanwhile is changed on top of that. */
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import type { Lease, LeaseChange } from '../leases/lease.ts'

/** A lease changes hands a few times a second at most. */
const ROUNDS_MAX = 20

/** Some leases changed hands each time that they were to be changed; the others were changed. Doing it again may help. */
export class LeasesKeepChangingError extends Error {
  override readonly name = 'LeasesKeepChangingError'
}

/** `changeOf`: what is to be changed of a lease as it is now; `undefined`: nothing. Gives the keys of those that were changed. */
export async function changeLeases(
  administration: Pick<LeaseAdministration, 'update'>,
  application: string,
  leases: readonly Lease[],
  changeOf: (lease: Lease) => LeaseChange | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const changed: string[] = []
  let open = leases
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const updates = open.flatMap((lease) => {
      const change = changeOf(lease)
      return change === undefined ? [] : [{ key: lease.key, epoch: lease.epoch, change }]
    })
    if (updates.length === 0) return changed
    const results = await administration.update(application, updates, signal)
    open = results.flatMap((result) => (result.outcome === 'conflict' ? [result.lease] : []))
    changed.push(...results.flatMap((result) => (result.outcome === 'updated' ? [result.lease.key] : [])))
    if (open.length === 0) return changed
  }
  throw new LeasesKeepChangingError(
    `${open.length} of ${leases.length} leases of ${application} changed hands each time they were to be changed`,
  )
}
