/** What changing leases has in every operation: the application they are of, room for them, and one change of one lease. */
import {
  KinesisError,
  LEASE_BYTES_PER_ACCOUNT_MAX,
  type ServiceLease,
  type ServiceLeaseChange,
  type ServicePlace,
} from '@millrace/protocol'

import type { OperationContext } from '../operations/operation.ts'
import type { Application } from './application.ts'
import type { Applications } from './applications.ts'
import { type ApplicationKey, encodeLease } from './documents.ts'
import { applicationNotFound } from './faults.ts'

/** Throws ResourceNotFoundException. */
export function findApplication(
  applications: Applications,
  name: string,
  { account, region }: Pick<OperationContext, 'account' | 'region'>,
): Application {
  const key = { account, region, name }
  const application = applications.find(key)
  if (application === undefined) throw applicationNotFound(key)
  return application
}

/** Refuses what would take more room than the leases of an account and region may. */
export function assertRoom(applications: Applications, { account, region }: ApplicationKey, bytes: number): void {
  if (bytes <= 0 || applications.leaseBytes(account, region) + bytes <= LEASE_BYTES_PER_ACCOUNT_MAX) return
  throw new KinesisError(
    'LimitExceededException',
    `This request would exceed the limit on bytes of leases for the account ${account} in ${region}. ` +
      `Limit: ${LEASE_BYTES_PER_ACCOUNT_MAX}.`,
  )
}

/** What became of a change of a lease. `done` has it as it is now, or, taken away, as it was. */
export type LeaseOutcome =
  { readonly kind: 'done' | 'conflict'; readonly lease: ServiceLease } | { readonly kind: 'gone' }

/**
 * Changes a lease if it is in the term that is named, and not back to an earlier checkpoint within it, however often others change it within that term meanwhile.
 * `undefined`: takes it away. Rejects as the writer does, at the deadline at the latest.
 */
export async function changeLease(
  applications: Applications,
  key: ApplicationKey,
  { LeaseKey, Epoch }: { readonly LeaseKey: string; readonly Epoch: number },
  change: ServiceLeaseChange | undefined,
  deadlineMs: number,
): Promise<LeaseOutcome> {
  const now = (): ServiceLease | undefined => applications.find(key)?.table.get(LeaseKey)
  let lease = now()
  // Another server may have told the caller of a term that this one has not heard of yet.
  if (lease === undefined || lease.Epoch < Epoch) {
    await applications.refreshLease(key, LeaseKey)
    lease = now()
  }
  while (lease !== undefined) {
    if (lease.Epoch !== Epoch || goesBack(lease, change)) return { kind: 'conflict', lease }
    const next = change === undefined ? undefined : changedLease(lease, change)
    const value = next === undefined ? undefined : encodeLease(next)
    if (value !== undefined) {
      const before = applications.find(key)?.table.bytesOf(LeaseKey) ?? 0
      assertRoom(applications, key, value.length - before)
    }
    const revision = await applications.writeLease(key, LeaseKey, lease.Version, value, deadlineMs)
    if (revision !== undefined) return { kind: 'done', lease: { ...(next ?? lease), Version: revision } }
    await applications.refreshLease(key, LeaseKey)
    lease = now()
  }
  return { kind: 'gone' }
}

/** What is taken away is not there, whatever else the change says of it. */
function changedLease(lease: ServiceLease, { Cleared = [], ...change }: ServiceLeaseChange): ServiceLease {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const members = Object.entries({ ...lease, ...Object.fromEntries(given) })
  const cleared: ReadonlySet<string> = new Set(Cleared)
  return Object.fromEntries(members.filter(([name]) => !cleared.has(name))) as unknown as ServiceLease
}

/** A checkpoint before the stored one, in the same term: a call that was overtaken. Who seeks begins a term. */
function goesBack(lease: ServiceLease, change: ServiceLeaseChange | undefined): boolean {
  if (change?.Checkpoint === undefined || change.Epoch !== undefined) return false
  return isBefore(change.Checkpoint, lease.Checkpoint)
}

/** Below every number; the shard's end is above. In the KCL's order. */
const BELOW = ['AT_TIMESTAMP', 'TRIM_HORIZON', 'LATEST']

function isBefore(a: ServicePlace, b: ServicePlace): boolean {
  const { SequenceNumber: left } = a
  const { SequenceNumber: right } = b
  if (left === right) return (a.SubSequenceNumber ?? 0) < (b.SubSequenceNumber ?? 0)
  if (rankOf(left) !== rankOf(right)) return rankOf(left) < rankOf(right)
  return left.length === right.length ? left < right : left.length < right.length
}

function rankOf(sequenceNumber: string): number {
  if (sequenceNumber === 'SHARD_END') return 1
  const rank = BELOW.indexOf(sequenceNumber)
  return rank < 0 ? 0 : rank - BELOW.length
}
