/** PutRecords on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { PUT_RECORDS_MAX } from '../limits.ts'
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, string, structure } from '../schema/schema.ts'
import {
  Data,
  EncryptionType,
  Flag,
  HashKey,
  PartitionKey,
  PositiveInteger,
  SequenceNumber,
  ShardId,
  StreamARN,
  StreamId,
  StreamName,
} from './shapes.ts'

const Entry = structure('PutRecordsRequestEntry', {
  PartitionKey,
  ExplicitHashKey: HashKey,
  Data: required(Data),
})

/** Either the first two members or the last two. */
const Result = structure('PutRecordsResultEntry', {
  SequenceNumber,
  ShardId,
  ErrorCode: string(),
  ErrorMessage: string(),
})

const Input = structure('PutRecordsInput', {
  Records: required(list(Entry, { min: 1, max: PUT_RECORDS_MAX })),
  StreamName,
  StreamARN,
  StreamId,
  DryRun: Flag,
})

const Output = structure('PutRecordsOutput', {
  EncryptionType,
  /** Always given, 0 when all were stored. */
  FailedRecordCount: PositiveInteger,
  /** One for each entry of the request, in its order. */
  Records: required(list(Result, { min: 1, max: PUT_RECORDS_MAX })),
})

/** Writes up to 500 records. Each succeeds or fails alone; the call itself succeeds. */
export const PutRecords = operation('PutRecords', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'KMSDisabledException',
    'KMSInvalidStateException',
    'KMSAccessDeniedException',
    'KMSNotFoundException',
    'KMSOptInRequired',
    'KMSThrottlingException',
    'AccessDeniedException',
    'InternalFailureException',
    'DryRunOperationException',
  ],
})

export type PutRecordsInput = Infer<typeof Input>
export type PutRecordsOutput = Infer<typeof Output>
export type PutRecordsEntry = Infer<typeof Entry>
export type PutRecordsResult = Infer<typeof Result>
