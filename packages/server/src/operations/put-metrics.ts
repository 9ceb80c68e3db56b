/** One metrics event for a whole put. */
import type { Stream } from '../streams/stream.ts'
import type { PutEvent } from '../telemetry/service-metrics.ts'
import type { ServiceParts } from './operation.ts'
import type { RecordToWrite, WriteOutcome } from './write-records.ts'

export function countPut(
  operation: PutEvent['operation'],
  stream: Stream,
  records: readonly RecordToWrite[],
  outcomes: readonly WriteOutcome[],
  startedMs: number,
  { metrics, clock }: ServiceParts,
): void {
  const counts = { stored: 0, throttled: 0, failed: 0 }
  let bytesStored = 0
  for (const [i, outcome] of outcomes.entries()) {
    counts[outcome.kind]++
    if (outcome.kind === 'stored') bytesStored += records[i]?.size ?? 0
  }
  metrics.put(
    { account: stream.account, region: stream.region, stream: stream.name },
    { operation, records: records.length, ...counts, bytesStored, elapsedMs: clock.monotonic() - startedMs },
  )
}
