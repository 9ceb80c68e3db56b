/** `client.putRecords(input)` for `client.send(PutRecords, input)`: one line per operation, types and methods derived. */
import {
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  GetRecords,
  GetShardIterator,
  IncreaseStreamRetentionPeriod,
  type InputOf,
  ListShards,
  ListStreams,
  MergeShards,
  type Operation,
  type OutputOf,
  PutRecord,
  PutRecords,
  SplitShard,
} from '@millrace/protocol'
import type { CallOptions } from './client-options.ts'

const methodOperations = {
  createStream: CreateStream,
  decreaseStreamRetentionPeriod: DecreaseStreamRetentionPeriod,
  deleteStream: DeleteStream,
  describeStream: DescribeStream,
  describeStreamSummary: DescribeStreamSummary,
  getRecords: GetRecords,
  getShardIterator: GetShardIterator,
  increaseStreamRetentionPeriod: IncreaseStreamRetentionPeriod,
  listShards: ListShards,
  listStreams: ListStreams,
  mergeShards: MergeShards,
  putRecord: PutRecord,
  putRecords: PutRecords,
  splitShard: SplitShard,
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
