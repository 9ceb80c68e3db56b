/** Has the store of leases forget an application. */
import { type LeasesOptions, never } from './move-leases.ts'

export interface DeleteApplicationOptions extends Omit<LeasesOptions, 'leases'> {
  /** Also while workers live: what becomes of them is for their store to say (`LeaseAdministration.delete`). Default: false. */
  readonly force?: boolean | undefined
}

/**
 * Takes an application away with all its leases and checkpoints: whoever begins it again begins at its `initialPosition`. Says how many
 * leases it had. Rejects as `LeaseAdministration.delete`, and with the signal's reason.
 */
export async function deleteApplication({
  administration,
  application,
  force = false,
  signal = never(),
}: DeleteApplicationOptions): Promise<number> {
  const leases = await administration.leases(application, signal)
  await administration.delete(application, { force }, signal)
  return leases.length
}
