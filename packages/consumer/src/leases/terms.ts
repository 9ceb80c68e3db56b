/** Changes that begin a term of a lease: another owner, none, or the same one again. */
import { isShardEnd } from '../extended-sequence-number.ts'
import type { LeaseUpdate } from './lease-store.ts'
import type { Lease } from './lease.ts'

export function takenBy(worker: string, lease: Lease): LeaseUpdate {
  const isProgress = isShardEnd(lease.checkpoint) || lease.owner === worker
  return begun(lease, {
    owner: worker,
    heir: undefined,
    ...(isProgress ? {} : { ownerSwitches: lease.ownerSwitches + 1 }),
  })
}

/** `heir` absent: it is nobody's then. */
export function givenTo(heir: string | undefined, lease: Lease): LeaseUpdate {
  return begun(lease, { owner: heir, heir: undefined, ownerSwitches: lease.ownerSwitches + 1 })
}

export function begunAgain(lease: Lease): LeaseUpdate {
  return begun(lease, {})
}

function begun({ key, epoch }: Lease, change: LeaseUpdate['change']): LeaseUpdate {
  return { key, epoch, change: { ...change, epoch: epoch + 1 } }
}
