/** Where a lease's checkpoint lets reading begin. */
import type { ExtendedSequenceNumber, Sentinel } from '../extended-sequence-number.ts'
import type { ReadPosition } from '../retrieval/shard-reader.ts'
import type { InitialPosition } from '../shards/lineage.ts'

/**
 * With the record of the checkpoint itself, as it may be an aggregated one that is done with in part: `UserRecords` drops
 * what was. `startTimeMs`: where AT_TIMESTAMP or LATEST is; without one, as a KCL's lease has none, where the options say, or all there
 * is. `undefined` at the shard's end: there is nothing to read.
 */
export function readPositionOf(
  checkpoint: ExtendedSequenceNumber,
  startTimeMs: number | undefined,
  initial?: InitialPosition,
): ReadPosition | undefined {
  switch (checkpoint.sequenceNumber as Sentinel) {
    case 'TRIM_HORIZON':
      return { kind: 'trim-horizon' }
    case 'LATEST':
    case 'AT_TIMESTAMP':
      return { kind: 'time', timeMs: startTimeMs ?? (typeof initial === 'object' ? initial.timeMs : 0) }
    case 'SHARD_END':
      return undefined
    default:
      return { kind: 'sequence', sequenceNumber: checkpoint.sequenceNumber, isAfter: false }
  }
}
