/** Leases of a stream's shards as an application makes them, for tests of what leases are in the service. */
import type { ServiceNewLease } from '@millrace/protocol'

export function newLease(number: number, rest: Partial<ServiceNewLease> = {}): ServiceNewLease {
  const ShardId = `shardId-${String(number).padStart(12, '0')}`
  return {
    LeaseKey: `stream:1700000000:${ShardId}`,
    StreamName: 'stream',
    ShardId,
    Epoch: 0,
    Checkpoint: { SequenceNumber: 'TRIM_HORIZON', SubSequenceNumber: 0 },
    Parents: [],
    Children: [],
    OwnerSwitches: 0,
    Paused: false,
    ...rest,
  }
}

export function newLeases(from: number, count: number): ServiceNewLease[] {
  return Array.from({ length: count }, (_, i) => newLease(from + i))
}
