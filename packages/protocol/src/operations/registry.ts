/** The operations that are implemented. To add one: its file beside this one, and a line here. */
import type { Operation } from '../operation.ts'
import { CreateStream } from './create-stream.ts'
import { DecreaseStreamRetentionPeriod } from './decrease-stream-retention-period.ts'
import { DeleteStream } from './delete-stream.ts'
import { DescribeStream } from './describe-stream.ts'
import { DescribeStreamSummary } from './describe-stream-summary.ts'
import { GetRecords } from './get-records.ts'
import { GetShardIterator } from './get-shard-iterator.ts'
import { IncreaseStreamRetentionPeriod } from './increase-stream-retention-period.ts'
import { ListShards } from './list-shards.ts'
import { ListStreams } from './list-streams.ts'
import { MergeShards } from './merge-shards.ts'
import { PutRecord } from './put-record.ts'
import { PutRecords } from './put-records.ts'
import { SplitShard } from './split-shard.ts'

const all: readonly Operation[] = [
  CreateStream,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  ListStreams,
  ListShards,
  PutRecord,
  PutRecords,
  GetShardIterator,
  GetRecords,
  SplitShard,
  MergeShards,
  IncreaseStreamRetentionPeriod,
  DecreaseStreamRetentionPeriod,
]

export const operations: ReadonlyMap<string, Operation> = new Map(all.map((operation) => [operation.name, operation]))
