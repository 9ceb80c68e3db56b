/** Reads a whole stream as a careful consumer does: every shard to its end, parents before children. */
import { GetRecords, GetShardIterator, ListShards, type StreamRecord } from '@millrace/protocol'

import { type ServiceHarness, textOf } from './service-harness.ts'

export interface ReadRecord {
  readonly shardId: string
  readonly key: string
  readonly text: string
  readonly sequenceNumber: string
  readonly timeMs: number
}

/** Records in an order in which parents stand before their children. */
export async function readStream(harness: ServiceHarness, streamName: string): Promise<readonly ReadRecord[]> {
  const { Shards = [] } = await harness.call(ListShards, { StreamName: streamName })
  const records: ReadRecord[] = []
  // Ids ascend from parent to child.
  for (const { ShardId: shardId, SequenceNumberRange: range } of Shards) {
    const { records: found, ended } = await readShard(harness, streamName, shardId)
    records.push(...found)
    const isClosed = range.EndingSequenceNumber !== undefined
    if (isClosed !== ended) throw new Error(`${shardId} is ${isClosed ? 'closed' : 'open'}, its reader saw otherwise`)
  }
  return records
}

export async function readShard(
  harness: ServiceHarness,
  streamName: string,
  shardId: string,
  limit = 1000,
): Promise<{ readonly records: readonly ReadRecord[]; readonly ended: boolean; readonly children: readonly string[] }> {
  const records: ReadRecord[] = []
  const first = await harness.call(GetShardIterator, {
    StreamName: streamName,
    ShardId: shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  })
  let iterator = first.ShardIterator ?? ''
  for (;;) {
    const page = await harness.call(GetRecords, { ShardIterator: iterator, Limit: limit })
    records.push(...page.Records.map((record) => toRead(shardId, record)))
    if (page.NextShardIterator === undefined) {
      return { records, ended: true, children: (page.ChildShards ?? []).map((child) => child.ShardId) }
    }
    if (page.ChildShards !== undefined) throw new Error(`${shardId} has both children and a next iterator`)
    if (page.MillisBehindLatest === 0 && page.Records.length === 0) return { records, ended: false, children: [] }
    iterator = page.NextShardIterator
  }
}

function toRead(shardId: string, record: StreamRecord): ReadRecord {
  return {
    shardId,
    key: record.PartitionKey ?? '',
    text: textOf(record.Data),
    sequenceNumber: record.SequenceNumber,
    timeMs: record.ApproximateArrivalTimestamp ?? 0,
  }
}
