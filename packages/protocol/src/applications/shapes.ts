/** What the operations of the lease API share. It is Millrace's own: AWS has no such service. */
import {
  blob,
  boolean,
  enumeration,
  type Infer,
  integer,
  list,
  long,
  required,
  string,
  structure,
  timestamp,
} from '../schema/schema.ts'
import { HashKeyRange, ShardId, StreamName } from '../operations/shapes.ts'
import { LEASES_PER_CALL_MAX, PENDING_STATE_BYTES_MAX, WORKERS_PER_APPLICATION_MAX } from './limits.ts'

export const ApplicationName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const ApplicationARN = string({ min: 1, max: 2048 })
/** Names one life of a worker. */
export const WorkerName = string({ min: 1, max: 128 })
/** Two names and a number, with colons between. */
export const LeaseKey = string({ min: 1, max: 280, pattern: '[a-zA-Z0-9_.:-]+' })
/** Thousandths of the share of an ordinary worker. */
export const CapacityMilli = integer({ min: 0, max: 1_000_000 })

/** A place in a shard; `SubSequenceNumber` is the place in an aggregated record. */
const Place = structure('Place', {
  SequenceNumber: required(
    string({ max: 129, pattern: '0|([1-9]\\d{0,128})|TRIM_HORIZON|LATEST|AT_TIMESTAMP|SHARD_END' }),
  ),
  SubSequenceNumber: long({ min: 0 }),
})

const PendingCheckpoint = structure('PendingCheckpoint', {
  Checkpoint: required(Place),
  State: blob({ max: PENDING_STATE_BYTES_MAX }),
})

/** The term of ownership. */
const Epoch = long({ min: 0 })
const ShardIds = list(ShardId, { max: 16 })
const LoadBytesPerSecond = long({ min: 0 })
const OwnerSwitches = integer({ min: 0 })

const leaseMembers = {
  LeaseKey: required(LeaseKey),
  StreamName: required(StreamName),
  ShardId: required(ShardId),
  Owner: WorkerName,
  Heir: WorkerName,
  Epoch: required(Epoch),
  Checkpoint: required(Place),
  Pending: PendingCheckpoint,
  StartTimestamp: timestamp(),
  Parents: required(ShardIds),
  Children: required(ShardIds),
  HashKeyRange,
  LoadBytesPerSecond,
  OwnerSwitches: required(OwnerSwitches),
  Paused: required(boolean()),
}

const NewLease = structure('NewLease', leaseMembers)
export const NewLeases = list(NewLease, { min: 1, max: LEASES_PER_CALL_MAX })

export const ServiceLease = structure('Lease', { ...leaseMembers, Version: required(long({ min: 0 })) })
export const ServiceLeases = list(ServiceLease)

/** Members that can be taken away. */
const ClearedMember = enumeration('Owner', 'Heir', 'Pending', 'StartTimestamp', 'HashKeyRange', 'LoadBytesPerSecond')

/** What is absent stays as it is. */
const LeaseChange = structure('LeaseChange', {
  Owner: WorkerName,
  Heir: WorkerName,
  Epoch,
  Checkpoint: Place,
  Pending: PendingCheckpoint,
  StartTimestamp: timestamp(),
  Children: ShardIds,
  HashKeyRange,
  LoadBytesPerSecond,
  OwnerSwitches,
  Paused: boolean(),
  Cleared: list(ClearedMember, { max: 6 }),
})

export const LeaseUpdates = list(
  structure('LeaseUpdate', {
    LeaseKey: required(LeaseKey),
    Epoch: required(Epoch),
    Change: required(LeaseChange),
  }),
  { min: 1, max: LEASES_PER_CALL_MAX },
)

export const LeaseTerms = list(structure('LeaseTerm', { LeaseKey: required(LeaseKey), Epoch: required(Epoch) }), {
  min: 1,
  max: LEASES_PER_CALL_MAX,
})

export const Workers = list(
  structure('Worker', { Worker: required(WorkerName), CapacityMilli: required(CapacityMilli) }),
  { max: WORKERS_PER_APPLICATION_MAX },
)

export type ServiceLease = Infer<typeof ServiceLease>
export type ServiceNewLease = Infer<typeof NewLease>
export type ServiceLeaseChange = Infer<typeof LeaseChange>
export type ServicePlace = Infer<typeof Place>
export type ServicePendingCheckpoint = Infer<typeof PendingCheckpoint>
