/** What a producer library packed into one record, as the records that it was given. */
import { decodeAggregatedRecord, type StreamRecord } from '@millrace/protocol'
import type { ShardBatch } from './shard-source.ts'

export interface ReadRecord extends StreamRecord {
  /** Its place in the aggregated record; absent for a record that stands alone. */
  readonly subSequenceNumber?: number
}

/** The batch with every aggregated record replaced by its user records. */
export function deaggregate(batch: ShardBatch): ShardBatch & { readonly records: readonly ReadRecord[] } {
  return {
    ...batch,
    records: batch.records.flatMap((record): readonly ReadRecord[] => {
      const users = decodeAggregatedRecord(record.Data)
      if (users === undefined) return [record]
      return users.map(({ partitionKey, data }, subSequenceNumber) => ({
        ...record,
        PartitionKey: partitionKey,
        Data: data,
        subSequenceNumber,
      }))
    }),
  }
}
