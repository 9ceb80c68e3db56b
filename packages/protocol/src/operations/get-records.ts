/** GetRecords on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, long, required, structure } from '../schema/schema.ts'
import { ChildShard, Flag, PageLimit, ShardIterator, StreamARN, StreamId, StreamRecord } from './shapes.ts'

const Input = structure('GetRecordsInput', {
  Limit: PageLimit,
  ShardIterator: required(ShardIterator),
  StreamARN,
  StreamId,
  DryRun: Flag,
})

const Output = structure('GetRecordsOutput', {
  /** Only at the end of a closed shard, and then without `NextShardIterator`. */
  ChildShards: list(ChildShard),
  MillisBehindLatest: long({ min: 0 }),
  NextShardIterator: ShardIterator,
  Records: required(list(StreamRecord)),
})

/** Reads records of a shard from an iterator on, and gives the iterator to read on with. */
export const GetRecords = operation('GetRecords', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'ExpiredIteratorException',
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

export type GetRecordsInput = Infer<typeof Input>
export type GetRecordsOutput = Infer<typeof Output>
