/** What a put came to: a metrics event for the whole, one for each shard where asked for, and traffic to scale by. */
import type { Stream } from '../streams/stream.ts'
import type { PutEvent } from '../telemetry/service-metrics.ts'
import type { ServiceParts } from './operation.ts'
import { countShardPuts } from './shard-metrics.ts'
import type { RecordToWrite, WriteOutcomes } from './write-records.ts'

export function countPut(
  operation: PutEvent['operation'],
  stream: Stream,
  records: readonly RecordToWrite[],
  outcomes: WriteOutcomes,
  startedMs: number,
  service: ServiceParts,
): void {
  const { metrics, clock } = service
  const { sequenceNumbers, faults } = outcomes
  let stored = 0
  let throttled = 0
  let bytesStored = 0
  for (let i = 0; i < records.length; i++) {
    if (faults[i] === 'throttled') throttled++
    if (sequenceNumbers[i] === undefined) continue
    stored++
    bytesStored += records[i]?.size ?? 0
  }
  metrics.put(
    { account: stream.account, region: stream.region, stream: stream.name },
    {
      operation,
      records: records.length,
      stored,
      throttled,
      failed: records.length - stored - throttled,
      bytesStored,
      elapsedMs: clock.monotonic() - startedMs,
    },
  )
  countShardPuts(stream, records, outcomes, service)
  countTraffic(stream, records, outcomes, service)
}

/** What an on-demand stream's shards follow. */
function countTraffic(
  stream: Stream,
  records: readonly RecordToWrite[],
  { shards, sequenceNumbers }: WriteOutcomes,
  { traffic }: ServiceParts,
): void {
  if (stream.onDemand === undefined) return
  for (const [i, record] of records.entries()) {
    const shard = shards[i]
    if (shard !== undefined && sequenceNumbers[i] !== undefined) traffic.count(shard.ref, record)
  }
}
