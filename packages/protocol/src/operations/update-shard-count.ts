/** UpdateShardCount on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { enumeration, required, structure } from '../schema/schema.ts'
import { PositiveInteger, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('UpdateShardCountInput', {
  StreamName,
  TargetShardCount: required(PositiveInteger),
  ScalingType: required(enumeration('UNIFORM_SCALING')),
  StreamARN,
  StreamId,
})

const Output = structure('UpdateShardCountOutput', {
  StreamName,
  CurrentShardCount: PositiveInteger,
  TargetShardCount: PositiveInteger,
  StreamARN,
})

/** Splits and merges shards until as many as asked for divide the key space evenly. */
export const UpdateShardCount = operation('UpdateShardCount', {
  input: Input,
  output: Output,
  errors: [
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'ValidationException',
    'AccessDeniedException',
  ],
})

export type UpdateShardCountInput = Infer<typeof Input>
export type UpdateShardCountOutput = Infer<typeof Output>
