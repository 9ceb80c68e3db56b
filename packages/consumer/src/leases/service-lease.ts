/** Leases between the words of the port and those of Millrace's lease API. */
import type {
  ServiceLease,
  ServiceLeaseChange,
  ServiceNewLease,
  ServicePendingCheckpoint,
  ServicePlace,
} from '@millrace/protocol'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { Lease, LeaseChange, NewLease, PendingCheckpoint } from './lease.ts'
import { nameOfStream } from '../stream-names.ts'
import { parseLeaseKey } from './lease-key.ts'
import type { LiveWorker } from './lease-store.ts'

const KIB = 1024

export function fromServiceLease(lease: ServiceLease): Lease {
  const { Pending, HashKeyRange: range, LoadBytesPerSecond: load } = lease
  return {
    key: lease.LeaseKey,
    stream: parseLeaseKey(lease.LeaseKey)?.stream ?? lease.StreamName,
    shardId: lease.ShardId,
    owner: lease.Owner,
    heir: lease.Heir,
    epoch: lease.Epoch,
    version: lease.Version,
    checkpoint: fromPlace(lease.Checkpoint),
    pending: Pending === undefined ? undefined : { checkpoint: fromPlace(Pending.Checkpoint), state: Pending.State },
    startTimeMs: lease.StartTimestamp,
    parents: lease.Parents,
    children: lease.Children,
    hashKeyRange: range === undefined ? undefined : { starting: range.StartingHashKey, ending: range.EndingHashKey },
    loadKiBps: load === undefined ? undefined : load / KIB,
    ownerSwitches: lease.OwnerSwitches,
    paused: lease.Paused,
  }
}

export function toServiceLease(lease: NewLease): ServiceNewLease {
  return {
    LeaseKey: lease.key,
    // The key tells the account.
    StreamName: nameOfStream(lease.stream),
    ShardId: lease.shardId,
    Owner: lease.owner,
    Heir: lease.heir,
    Epoch: lease.epoch,
    Checkpoint: toPlace(lease.checkpoint),
    Pending: toPending(lease.pending),
    StartTimestamp: lease.startTimeMs,
    Parents: lease.parents,
    Children: lease.children,
    HashKeyRange: toRange(lease.hashKeyRange),
    LoadBytesPerSecond: toLoad(lease.loadKiBps),
    OwnerSwitches: lease.ownerSwitches,
    Paused: lease.paused,
  }
}

/** Members that may be taken away, by our name and the service's. */
const clearable = {
  owner: 'Owner',
  heir: 'Heir',
  pending: 'Pending',
  startTimeMs: 'StartTimestamp',
  hashKeyRange: 'HashKeyRange',
  loadKiBps: 'LoadBytesPerSecond',
} as const

export function toServiceChange(change: LeaseChange): ServiceLeaseChange {
  const Cleared = Object.entries(clearable)
    .filter(([name]) => name in change && change[name as keyof typeof clearable] === undefined)
    .map(([, name]) => name)
  return {
    Owner: change.owner,
    Heir: change.heir,
    Epoch: change.epoch,
    Checkpoint: change.checkpoint && toPlace(change.checkpoint),
    Pending: toPending(change.pending),
    StartTimestamp: change.startTimeMs,
    Children: change.children,
    HashKeyRange: toRange(change.hashKeyRange),
    LoadBytesPerSecond: toLoad(change.loadKiBps),
    OwnerSwitches: change.ownerSwitches,
    Paused: change.paused,
    ...(Cleared.length === 0 ? {} : { Cleared }),
  }
}

export function fromServiceWorker(worker: { readonly Worker: string; readonly CapacityMilli: number }): LiveWorker {
  return { worker: worker.Worker, capacity: worker.CapacityMilli / 1000 }
}

function fromPlace({ SequenceNumber, SubSequenceNumber = 0 }: ServicePlace): ExtendedSequenceNumber {
  return { sequenceNumber: SequenceNumber, subSequenceNumber: SubSequenceNumber }
}

function toPlace({ sequenceNumber, subSequenceNumber }: ExtendedSequenceNumber): ServicePlace {
  return { SequenceNumber: sequenceNumber, SubSequenceNumber: subSequenceNumber }
}

function toPending(pending: PendingCheckpoint | undefined): ServicePendingCheckpoint | undefined {
  return pending && { Checkpoint: toPlace(pending.checkpoint), State: pending.state }
}

function toRange(range: Lease['hashKeyRange']): ServiceLease['HashKeyRange'] {
  return range && { StartingHashKey: range.starting, EndingHashKey: range.ending }
}

function toLoad(loadKiBps: number | undefined): number | undefined {
  return loadKiBps === undefined ? undefined : Math.round(loadKiBps * KIB)
}
