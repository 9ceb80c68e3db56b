import {
  PUT_RECORDS_BYTES_MAX,
  PutRecords,
  type PutRecordsEntry,
  type PutRecordsOutput,
  type PutRecordsResult,
  shardIdOf,
} from '@millrace/protocol'

import type { Stream } from '../streams/stream.ts'
import { constraintsViolated, invalidArgument, recordFailure } from './faults.ts'
import { handle } from './operation.ts'
import { countPut } from './put-metrics.ts'
import { assertHashInRange, brokenKey, missingKey, needsKeys, recordToWrite, tooLarge } from './record-input.ts'
import { getServingStream } from './stream-lookup.ts'
import { type RecordToWrite, type WriteOutcomes, writeRecords, writeTried } from './write-records.ts'

/** Writes up to 500 records. Each is stored, throttled or failed alone; the call itself succeeds. */
export const putRecords = handle(PutRecords, async (input, service, context) => {
  const startedMs = service.clock.monotonic()
  if (input.Records.some(hasNoKey) && needsKeys(input, PutRecords.name, service, context))
    assertNone(input.Records, missingKey)
  const stream = getServingStream(input, PutRecords.name, service, context)
  const records = input.Records.map((record) => recordToWrite(record, stream))
  if (records.some((record) => brokenKey(record, '') !== undefined)) assertNone(records, brokenKey)
  assertFits(records, stream)
  for (const record of records) assertHashInRange(record)
  if (input.DryRun === true) throw writeTried(stream, service)

  const outcomes = await writeRecords(stream, records, service, context)
  countPut('PutRecords', stream, records, outcomes, startedMs, service)
  return describe(outcomes, stream)
})

/** Only throttling and internal trouble are told per record. */
function describe({ shards, sequenceNumbers, faults, isEncrypted }: WriteOutcomes, stream: Stream): PutRecordsOutput {
  let failed = 0
  const results = shards.map((shard, i): PutRecordsResult => {
    const sequenceNumber = sequenceNumbers[i]
    if (sequenceNumber !== undefined) return { SequenceNumber: sequenceNumber, ShardId: shardIdOf(shard.number) }
    failed++
    const isThrottled = faults[i] === 'throttled'
    return recordFailure(isThrottled ? 'ProvisionedThroughputExceededException' : 'InternalFailure', shard, stream)
  })
  return { FailedRecordCount: failed, Records: results, ...(isEncrypted ? { EncryptionType: 'KMS' } : {}) }
}

function assertFits(records: readonly RecordToWrite[], stream: Stream): void {
  let bytes = 0
  let largest = 0
  for (const { size } of records) {
    bytes += size
    if (size > largest) largest = size
  }
  if (largest > stream.maxRecordKiB * 1024) assertNone(records, (record, path) => tooLarge(record, stream, path))
  // AWS said `Records size exceeds 5 MB limit` while that was the limit.
  if (bytes > PUT_RECORDS_BYTES_MAX) throw invalidArgument('Records size exceeds 10 MB limit')
}

function hasNoKey(record: PutRecordsEntry): boolean {
  return record.PartitionKey === undefined
}

/** Finds the words for what is known to be wrong with some: too slow to ask of every request. */
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
