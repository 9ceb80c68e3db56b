/**
 * Records as a request brings them: what PutRecord and PutRecords check of each before anything is written. `path`
 * names the record's members in the error: empty, or like `records.1.member.`.
 */
import { HASH_KEY_MAX } from '@millrace/protocol'

import type { Stream } from '../streams/stream.ts'
import { invalidArgument } from './faults.ts'
import type { RecordToWrite } from './write-records.ts'

export interface RecordInput {
  readonly Data: Uint8Array
  readonly PartitionKey?: string | undefined
  readonly ExplicitHashKey?: string | undefined
}

/** The model made partition keys optional; streams placed by key still need them, and say so in the old words. */
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

export function recordToWrite(record: RecordInput): RecordToWrite {
  const key = record.PartitionKey ?? ''
  return {
    key,
    explicitHash: record.ExplicitHashKey === undefined ? undefined : BigInt(record.ExplicitHashKey),
    data: record.Data,
    size: record.Data.length + Buffer.byteLength(key),
  }
}

export function assertHashInRange({ explicitHash }: RecordToWrite): void {
  if (explicitHash === undefined || explicitHash <= HASH_KEY_MAX) return
  throw invalidArgument(
    'Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. ' +
      `Specified value was ${explicitHash}`,
  )
}
