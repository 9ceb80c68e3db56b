/** `client.putRecords(input)` for `client.send(PutRecords, input)`: one line per operation, types and methods derived. */
import {
  AddTagsToStream,
  CreateChannel,
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteChannel,
  DeleteResourcePolicy,
  DeleteStream,
  DeregisterStreamConsumer,
  DescribeAccountSettings,
  DescribeChannel,
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
  ListChannels,
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
  UpdateChannel,
  UpdateMaxRecordSize,
  UpdateShardCount,
  UpdateStreamMode,
  UpdateStreamRecordDistributionStrategy,
  UpdateStreamWarmThroughput,
} from '@millrace/protocol'
import type { CallOptions } from './client-options.ts'

const methodOperations = {
  addTagsToStream: AddTagsToStream,
  createChannel: CreateChannel,
  createStream: CreateStream,
  decreaseStreamRetentionPeriod: DecreaseStreamRetentionPeriod,
  deleteChannel: DeleteChannel,
  deleteResourcePolicy: DeleteResourcePolicy,
  deleteStream: DeleteStream,
  deregisterStreamConsumer: DeregisterStreamConsumer,
  describeAccountSettings: DescribeAccountSettings,
  describeChannel: DescribeChannel,
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
  listChannels: ListChannels,
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
  updateChannel: UpdateChannel,
  updateMaxRecordSize: UpdateMaxRecordSize,
  updateShardCount: UpdateShardCount,
  updateStreamMode: UpdateStreamMode,
  updateStreamRecordDistributionStrategy: UpdateStreamRecordDistributionStrategy,
  updateStreamWarmThroughput: UpdateStreamWarmThroughput,
} as const

type MethodOperations = typeof methodOperations

/** A method per operation, named as the operation with a small first letter: `putRecord` for PutRecord, and so on, with AWS's shapes. */
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
