/**
 * UpdateStreamMode on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same
 * name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { NaturalInteger, StreamARN, StreamId, StreamModeDetails } from './shapes.ts'

const Input = structure('UpdateStreamModeInput', {
  StreamARN: required(StreamARN),
  StreamId,
  StreamModeDetails: required(StreamModeDetails),
  WarmThroughputMiBps: NaturalInteger,
})

/** Whether a stream's shards follow its traffic, or whoever calls. */
export const UpdateStreamMode = operation('UpdateStreamMode', {
  input: Input,
  errors: [
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'ValidationException',
  ],
})

export type UpdateStreamModeInput = Infer<typeof Input>
export type UpdateStreamModeOutput = void
