/** PutRecord on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import {
  Data,
  EncryptionType,
  Flag,
  HashKey,
  PartitionKey,
  SequenceNumber,
  ShardId,
  StreamARN,
  StreamId,
  StreamName,
} from './shapes.ts'

const Input = structure('PutRecordInput', {
  SequenceNumberForOrdering: SequenceNumber,
  PartitionKey,
  ExplicitHashKey: HashKey,
  Data: required(Data),
  StreamName,
  StreamARN,
  StreamId,
  DryRun: Flag,
})

const Output = structure('PutRecordOutput', {
  SequenceNumber: required(SequenceNumber),
  ShardId: required(ShardId),
  EncryptionType,
})

/** Writes one record. It is stored when the answer is given. */
export const PutRecord = operation('PutRecord', {
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

export type PutRecordInput = Infer<typeof Input>
export type PutRecordOutput = Infer<typeof Output>
