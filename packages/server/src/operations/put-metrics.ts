/** One metrics event for a whole put, and one for each of its shards where that is asked for. */
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
}
