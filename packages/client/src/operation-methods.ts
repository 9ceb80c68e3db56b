/** `client.putRecords(input)` for `client.send(PutRecords, input)`: one line per operation, types and methods derived. */
import {
  AddTagsToStream,
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteResourcePolicy,
  DeleteStream,
  DeregisterStreamConsumer,
  DescribeAccountSettings,
  DescribeLimits,
  DescribeStream,
  DescribeStreamConsumer,
  DescribeStreamSummary,
  DisableEnhancedMonitoring,
  EnableEnhancedMonitoring,
  GetRecords,
  GetResourcePolicy,
  GetShardIterator,
  IncreaseStreamRetentionPeriod,
  type InputOf,
  ListShards,
  ListStreamConsumers,
  ListStreams,
  ListTagsForResource,
  ListTagsForStream,
  MergeShards,
  type Operation,
  type OutputOf,
  PutRecord,
  PutRecords,
  PutResourcePolicy,
  RegisterStreamConsumer,
  RemoveTagsFromStream,
  SplitShard,
  StartStreamEncryption,
  StopStreamEncryption,
  TagResource,
  UntagResource,
  UpdateAccountSettings,
  UpdateMaxRecordSize,
  UpdateShardCount,
  UpdateStreamMode,
  UpdateStreamRecordDistributionStrategy,
  UpdateStreamWarmThroughput,
} from '@millrace/protocol'
import type { CallOptions } from './client-options.ts'

const methodOperations = {
  addTagsToStream: AddTagsToStream,
  createStream: CreateStream,
  decreaseStreamRetentionPeriod: DecreaseStreamRetentionPeriod,
  deleteResourcePolicy: DeleteResourcePolicy,
  deleteStream: DeleteStream,
  deregisterStreamConsumer: DeregisterStreamConsumer,
  describeAccountSettings: DescribeAccountSettings,
  describeLimits: DescribeLimits,
  describeStream: DescribeStream,
  describeStreamConsumer: DescribeStreamConsumer,
  describeStreamSummary: DescribeStreamSummary,
  disableEnhancedMonitoring: DisableEnhancedMonitoring,
  enableEnhancedMonitoring: EnableEnhancedMonitoring,
  getRecords: GetRecords,
  getResourcePolicy: GetResourcePolicy,
  getShardIterator: GetShardIterator,
  increaseStreamRetentionPeriod: IncreaseStreamRetentionPeriod,
  listShards: ListShards,
  listStreamConsumers: ListStreamConsumers,
  listStreams: ListStreams,
  listTagsForResource: ListTagsForResource,
  listTagsForStream: ListTagsForStream,
  mergeShards: MergeShards,
  putRecord: PutRecord,
  putRecords: PutRecords,
  putResourcePolicy: PutResourcePolicy,
  registerStreamConsumer: RegisterStreamConsumer,
  removeTagsFromStream: RemoveTagsFromStream,
  splitShard: SplitShard,
  startStreamEncryption: StartStreamEncryption,
  stopStreamEncryption: StopStreamEncryption,
  tagResource: TagResource,
  untagResource: UntagResource,
  updateAccountSettings: UpdateAccountSettings,
  updateMaxRecordSize: UpdateMaxRecordSize,
  updateShardCount: UpdateShardCount,
  updateStreamMode: UpdateStreamMode,
  updateStreamRecordDistributionStrategy: UpdateStreamRecordDistributionStrategy,
  updateStreamWarmThroughput: UpdateStreamWarmThroughput,
} as const

type MethodOperations = typeof methodOperations

/** A method per operation, named as the operation with a small first letter. */
export type OperationMethods = {
  [Name in keyof MethodOperations]: (
    input: InputOf<MethodOperations[Name]>,
    options?: CallOptions,
  ) => Promise<OutputOf<MethodOperations[Name]>>
}

interface Sender {
  send(operation: Operation, input: unknown, options?: CallOptions): Promise<unknown>
}

/** Gives `prototype`, whose objects have `send`, the methods of `OperationMethods`. */
export function defineOperationMethods(prototype: Sender): void {
  for (const [name, operation] of Object.entries(methodOperations))
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: Sender, input: unknown, options?: CallOptions): Promise<unknown> {
        return this.send(operation, input, options)
      },
    })
}
