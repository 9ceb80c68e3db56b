/** The operations this service has. To add one: its file here and in the protocol, and a line in both registries. */
import { createStream } from './create-stream.ts'
import { decreaseStreamRetentionPeriod } from './decrease-stream-retention-period.ts'
import { deleteStream } from './delete-stream.ts'
import { describeStreamSummary } from './describe-stream-summary.ts'
import { describeStream } from './describe-stream.ts'
import { getRecords } from './get-records.ts'
import { getShardIterator } from './get-shard-iterator.ts'
import { increaseStreamRetentionPeriod } from './increase-stream-retention-period.ts'
import { listShards } from './list-shards.ts'
import { listStreams } from './list-streams.ts'
import { mergeShards } from './merge-shards.ts'
import type { Handler } from './operation.ts'
import { putRecord } from './put-record.ts'
import { putRecords } from './put-records.ts'
import { splitShard } from './split-shard.ts'

const all: readonly Handler[] = [
  createStream,
  deleteStream,
  describeStream,
  describeStreamSummary,
  listStreams,
  listShards,
  putRecord,
  putRecords,
  getShardIterator,
  getRecords,
  splitShard,
  mergeShards,
  increaseStreamRetentionPeriod,
  decreaseStreamRetentionPeriod,
]

export const handlers: ReadonlyMap<string, Handler> = new Map(all.map((handler) => [handler.name, handler]))
