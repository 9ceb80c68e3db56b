/** Enhanced monitoring: what a request came to on each shard, of streams that ask for it and in the metrics they ask for. */
import { shardIdOf } from '@millrace/protocol'

import type { ShardLevelMetric, Stream } from '../streams/stream.ts'
import type { ShardEvent } from '../telemetry/service-metrics.ts'
import type { ServiceParts } from './operation.ts'
import type { RecordToWrite, WriteOutcomes } from './write-records.ts'

/** One event for each shard that a put touched. */
export function countShardPuts(
  stream: Stream,
  records: readonly RecordToWrite[],
  { shards, sequenceNumbers, faults }: WriteOutcomes,
  service: ServiceParts,
): void {
  if (stream.shardLevelMetrics.length === 0) return
  const byShard = new Map<number, { bytes: number; stored: number; throttled: number }>()
  for (const [i, shard] of shards.entries()) {
    let sums = byShard.get(shard.number)
    if (sums === undefined) byShard.set(shard.number, (sums = { bytes: 0, stored: 0, throttled: 0 }))
    if (faults[i] === 'throttled') sums.throttled++
    if (sequenceNumbers[i] === undefined) continue
    sums.stored++
    sums.bytes += records[i]?.size ?? 0
  }
  for (const [shard, { bytes, stored, throttled }] of byShard) {
    const event = { IncomingBytes: bytes, IncomingRecords: stored, WriteProvisionedThroughputExceeded: throttled }
    countShard(stream, shard, event, service)
  }
}

/** Hands on the metrics of `event` that the stream asks for. */
export function countShard(stream: Stream, shard: number, event: ShardEvent, { metrics }: ServiceParts): void {
  const wanted = Object.entries(event).filter(([name]) => stream.shardLevelMetrics.includes(name as ShardLevelMetric))
  if (wanted.length === 0) return
  const label = { account: stream.account, region: stream.region, stream: stream.name }
  metrics.shard(label, shardIdOf(shard), Object.fromEntries(wanted))
}
