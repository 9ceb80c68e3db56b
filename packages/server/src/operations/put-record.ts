import { decodeSequenceNumber, KinesisError, PutRecord, shardIdOf } from '@millrace/protocol'

import { shardsOf, type Stream } from '../streams/stream.ts'
import { constraintsViolated, internalFailure, invalidArgument, writeRateExceeded } from './faults.ts'
import { handle, type ServiceParts } from './operation.ts'
import { countPut } from './put-metrics.ts'
import { assertHashInRange, brokenKey, missingKey, needsKeys, recordToWrite, tooLarge } from './record-input.ts'
import { getServingStream } from './stream-lookup.ts'
import { writeRecords, writeTried } from './write-records.ts'

/** Writes one record. The answer says that it is stored. */
export const putRecord = handle(PutRecord, async (input, service, context) => {
  const startedMs = service.clock.monotonic()
  const noKey = missingKey(input, '')
  if (noKey !== undefined && needsKeys(input, PutRecord.name, service, context)) throw constraintsViolated([noKey])
  const stream = getServingStream(input, PutRecord.name, service, context)
  const record = recordToWrite(input, stream)
  const violation = brokenKey(record, '') ?? tooLarge(record, stream, '')
  if (violation !== undefined) throw constraintsViolated([violation])
  assertHashInRange(record)
  assertOrderable(input.SequenceNumberForOrdering, stream, service)
  if (input.DryRun === true) throw writeTried(stream, service)

  const outcomes = await writeRecords(stream, [record], service, context)
  countPut('PutRecord', stream, [record], outcomes, startedMs, service)
  const shard = outcomes.shards[0]
  const sequenceNumber = outcomes.sequenceNumbers[0]
  if (shard !== undefined && sequenceNumber !== undefined)
    return {
      ShardId: shardIdOf(shard.number),
      SequenceNumber: sequenceNumber,
      ...(outcomes.isEncrypted ? { EncryptionType: 'KMS' as const } : {}),
    }
  if (shard !== undefined && outcomes.faults[0] === 'throttled')
    throw new KinesisError('ProvisionedThroughputExceededException', writeRateExceeded(shard, stream))
  throw internalFailure()
})

/**
 * A new record's number exceeds every number given before, so all that can be wrong with the one to follow is that it
 * was never given: it is none, or comes from the future. A child may be born ahead of the clock.
 */
function assertOrderable(text: string | undefined, stream: Stream, { clock }: ServiceParts): void {
  if (text === undefined) return
  const number = decodeSequenceNumber(text)
  if (number !== undefined && (number.version !== 2 || !isFromFuture(number.timeS, stream, clock.now()))) return
  throw invalidArgument(
    `ExclusiveMinimumSequenceNumber ${text} used in PutRecord on stream ${stream.name} under account ` +
      `${stream.account} is invalid.`,
  )
}

/** Shards are looked at only where the clock alone does not tell: ordered puts name a number every time. */
function isFromFuture(timeS: number, stream: Stream, nowMs: number): boolean {
  if (timeS <= Math.floor(nowMs / 1000)) return false
  for (const shard of shardsOf(stream)) if (timeS <= shard.birthS) return false
  return true
}
