/**
 * UpdateStreamRecordDistributionStrategy on the wire: its input; it answers with no bytes. What it does is in the
 * server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { RecordDistributionStrategy, StreamARN, StreamId } from './shapes.ts'

const Input = structure('UpdateStreamRecordDistributionStrategyInput', {
  StreamARN: required(StreamARN),
  StreamId,
  RecordDistributionStrategy: required(RecordDistributionStrategy),
})

/** Whether a stream places records by their partition keys, or by itself (on-demand streams only). */
export const UpdateStreamRecordDistributionStrategy = operation('UpdateStreamRecordDistributionStrategy', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ResourceInUseException',
    'LimitExceededException',
    'AccessDeniedException',
    'ValidationException',
  ],
})

export type UpdateStreamRecordDistributionStrategyInput = Infer<typeof Input>
export type UpdateStreamRecordDistributionStrategyOutput = void
