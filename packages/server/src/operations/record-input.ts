/**
 * Records as a request brings them: what PutRecord and PutRecords check of each before anything is written. `path`
 * names the record's members in the error: empty, or like `records.1.member.`.
 */
import { HASH_KEY_MAX } from '@millrace/protocol'

import { placesByItself, type Stream } from '../streams/stream.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { type StreamReference, streamKeyOf } from './stream-lookup.ts'
import type { RecordToWrite } from './write-records.ts'

export interface RecordInput {
  readonly Data: Uint8Array
  readonly PartitionKey?: string | undefined
  readonly ExplicitHashKey?: string | undefined
}

/** True when records need a partition key: streams placed by key say so in the old words, and so does one not there. */
export function needsKeys(
  reference: StreamReference,
  operation: string,
  service: ServiceParts,
  context: OperationContext,
): boolean {
  const stream = service.catalog.find(streamKeyOf(reference, operation, context))
  return stream === undefined || !placesByItself(stream)
}

/** What is wrong with a record that needs a key and has none. */
export function missingKey(record: RecordInput, path: string): string | undefined {
  return record.PartitionKey === undefined
    ? `Value null at '${path}partitionKey' failed to satisfy constraint: Member must not be null`
    : undefined
}

/** AWS reports the stream's own limit as a constraint on the data, also where only data and key together exceed it. */
export function tooLarge(record: RecordToWrite, stream: Stream, path: string): string | undefined {
  const bytesMax = stream.maxRecordKiB * 1024
  return record.size > bytesMax
    ? `Value at '${path}data' failed to satisfy constraint: Member must have length less than or equal to ${bytesMax}`
    : undefined
}

/** Half of a surrogate pair has no bytes in UTF-8: stored, it would come back as another key. AWS's answer is unknown. */
export function brokenKey({ key, data, size }: RecordToWrite, path: string): string | undefined {
  // As many bytes as characters: all of it is ASCII.
  return key === undefined || size === data.length + key.length || key.isWellFormed()
    ? undefined
    : `Value at '${path}partitionKey' failed to satisfy constraint: Member must be Unicode text, without unpaired surrogates`
}

export function recordToWrite(record: RecordInput, stream: Stream): RecordToWrite {
  const key = record.PartitionKey
  return {
    key,
    explicitHash:
      record.ExplicitHashKey === undefined || placesByItself(stream) ? undefined : BigInt(record.ExplicitHashKey),
    data: record.Data,
    size: record.Data.length + (key === undefined ? 0 : Buffer.byteLength(key)),
  }
}

export function assertHashInRange({ explicitHash }: RecordToWrite): void {
  if (explicitHash === undefined || explicitHash <= HASH_KEY_MAX) return
  throw invalidArgument(
    'Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. ' +
      `Specified value was ${explicitHash}`,
  )
}
