/** Leases as rows of a table and as documents. */
import type { Lease } from '@millrace/consumer'
import type { Column } from '../output/table.ts'

type State = 'held' | 'free' | 'orphaned' | 'paused' | 'ended'

/** `orphaned`: its owner is dead. */
export function stateOf(lease: Lease, workers: ReadonlySet<string>): State {
  if (lease.checkpoint.sequenceNumber === 'SHARD_END') return 'ended'
  if (lease.paused) return 'paused'
  if (lease.owner === undefined) return 'free'
  return workers.has(lease.owner) ? 'held' : 'orphaned'
}

export function checkpointText({ checkpoint, startTimeMs }: Lease): string {
  const { sequenceNumber, subSequenceNumber } = checkpoint
  if (sequenceNumber === 'AT_TIMESTAMP' && startTimeMs !== undefined) return new Date(startTimeMs).toISOString()
  return subSequenceNumber === 0 ? sequenceNumber : `${sequenceNumber}/${subSequenceNumber}`
}

export const leaseColumns: readonly Column<Lease>[] = [
  { header: 'stream', cell: ({ stream }) => stream, cut: 'end' },
  { header: 'shard', cell: ({ shardId }) => shardId },
  { header: 'owner', cell: ({ owner }) => owner ?? '-', cut: 'middle' },
]

export const checkpointColumn: Column<Lease> = { header: 'checkpoint', cell: checkpointText, cut: 'middle' }

/** A contract (docs/reference/cli.md). */
export function leaseDocument(lease: Lease) {
  return {
    stream: lease.stream,
    shardId: lease.shardId,
    owner: lease.owner,
    heir: lease.heir,
    epoch: lease.epoch,
    sequenceNumber: lease.checkpoint.sequenceNumber,
    subSequenceNumber: lease.checkpoint.subSequenceNumber,
    startAt: lease.startTimeMs === undefined ? undefined : new Date(lease.startTimeMs).toISOString(),
    hasPending: lease.pending !== undefined,
    paused: lease.paused,
    loadKiBps: lease.loadKiBps,
    ownerSwitches: lease.ownerSwitches,
    parents: lease.parents,
    children: lease.children,
  }
}
