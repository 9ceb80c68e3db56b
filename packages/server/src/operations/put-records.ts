import {
  PUT_RECORDS_BYTES_MAX,
  PutRecords,
  type PutRecordsEntry,
  type PutRecordsResult,
  shardIdOf,
} from '@millrace/protocol'

import type { Stream } from '../streams/stream.ts'
import { constraintsViolated, dryRun, invalidArgument, writeRateExceeded } from './faults.ts'
import { handle } from './operation.ts'
import { countPut } from './put-metrics.ts'
import { assertHashInRange, missingKey, recordToWrite, tooLarge } from './record-input.ts'
import { getServingStream } from './stream-lookup.ts'
import { type RecordToWrite, type WriteOutcome, writeRecords } from './write-records.ts'

/** Writes up to 500 records. Each is stored, throttled or failed alone; the call itself succeeds. */
export const putRecords = handle(PutRecords, async (input, service, context) => {
  const startedMs = service.clock.monotonic()
  assertNone(input.Records, missingKey)
  const stream = getServingStream(input, PutRecords.name, service, context)
  const records = input.Records.map(recordToWrite)
  assertFits(records, stream)
  for (const record of records) assertHashInRange(record)
  if (input.DryRun === true) throw dryRun()

  const outcomes = await writeRecords(stream, records, service, context)
  countPut('PutRecords', stream, records, outcomes, startedMs, service)
  return {
    FailedRecordCount: outcomes.reduce((count, outcome) => count + (outcome.kind === 'stored' ? 0 : 1), 0),
    Records: outcomes.map((outcome) => describe(outcome, stream)),
  }
})

/** Only throttling and internal trouble are told per record. */
function describe(outcome: WriteOutcome, stream: Stream): PutRecordsResult {
  switch (outcome.kind) {
    case 'stored':
      return { SequenceNumber: outcome.sequenceNumber, ShardId: shardIdOf(outcome.shard.number) }
    case 'throttled':
      return {
        ErrorCode: 'ProvisionedThroughputExceededException',
        ErrorMessage: writeRateExceeded(outcome.shard, stream),
      }
    case 'failed':
      return { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal service failure.' }
  }
}

function assertFits(records: readonly RecordToWrite[], stream: Stream): void {
  assertNone(records, (record, path) => tooLarge(record, stream, path))
  const bytes = records.reduce((sum, record) => sum + record.size, 0)
  // AWS said `Records size exceeds 5 MB limit` while that was the limit.
  if (bytes > PUT_RECORDS_BYTES_MAX) throw invalidArgument('Records size exceeds 10 MB limit')
}

function assertNone<T extends PutRecordsEntry | RecordToWrite>(
  records: readonly T[],
  violation: (record: T, path: string) => string | undefined,
): void {
  const violations: string[] = []
  for (const [i, record] of records.entries()) {
    const found = violation(record, `records.${i + 1}.member.`)
    if (found !== undefined) violations.push(found)
  }
  if (violations.length > 0) throw constraintsViolated(violations)
}
