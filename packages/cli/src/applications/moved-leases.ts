/** Leases that are to begin elsewhere: the checkpoint that says where, and a new term, which takes them from their owners. */
import { AT_TIMESTAMP, extendedSequenceNumber, isShardEnd, LATEST, latestAsOf, type Lease, type LeaseChange, missingLeases, type NewLease, parseLeaseKey, TRIM_HORIZON } from '@millrace/consumer' // prettier-ignore
import { usageError } from '../exit-code.ts'
import { type Kinesis, listShards } from '../kinesis.ts'
import type { StartPosition } from '../values/position.ts'

/** `nowMs`: wall clock, as of which the latest is meant. */
export function movedTo(position: StartPosition, nowMs: number): (lease: Lease) => LeaseChange {
  const { checkpoint, startTimeMs } = placeOf(position, nowMs)
  return ({ epoch }) => ({ checkpoint, startTimeMs, pending: undefined, epoch: epoch + 1, ownerSwitches: 0 })
}

function placeOf(position: StartPosition, nowMs: number): Pick<Lease, 'checkpoint' | 'startTimeMs'> {
  switch (position.kind) {
    case 'trim-horizon':
      return { checkpoint: TRIM_HORIZON }
    case 'latest':
      return { checkpoint: LATEST, startTimeMs: latestAsOf(nowMs) }
    case 'time':
      return { checkpoint: AT_TIMESTAMP, startTimeMs: position.timeMs }
    case 'sequence':
      if (position.after) return { checkpoint: extendedSequenceNumber(position.sequenceNumber) }
      throw usageError(
        'a checkpoint is the last record that is done with',
        'say after:<sequence number>; what comes next is processed first',
      )
  }
}

/**
 * Leases of shards that are there and have none: those that were processed to their ends and cleaned up, and are to be
 * processed again.
 */
export async function leasesToRepeat(
  kinesis: Kinesis,
  leases: readonly Lease[],
  position: StartPosition,
): Promise<readonly NewLease[]> {
  if (position.kind !== 'trim-horizon' && position.kind !== 'time') return []
  const initial = position.kind === 'time' ? position : 'oldest'
  const streams = new Map(
    leases.flatMap(({ key }) => {
      const parts = parseLeaseKey(key)
      return parts === undefined ? [] : [[`${parts.stream}:${parts.createdAtSecond}`, parts] as const]
    }),
  )
  const known = new Set(leases.map(({ key }) => key))
  const missing: NewLease[] = []
  for (const stream of streams.values()) {
    const shards = await listShards(kinesis, stream.stream)
    missing.push(...missingLeases(stream, shards, new Map(), initial).filter(({ key }) => !known.has(key)))
  }
  return missing
}

export function partedByEnd(leases: readonly Lease[]): readonly [ended: readonly Lease[], open: readonly Lease[]] {
  const isEnded = ({ checkpoint }: Lease): boolean => isShardEnd(checkpoint)
  return [leases.filter(isEnded), leases.filter((lease) => !isEnded(lease))]
}
