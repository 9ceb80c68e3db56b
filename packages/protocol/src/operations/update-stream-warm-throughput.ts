/** UpdateStreamWarmThroughput on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { NaturalInteger, StreamARN, StreamId, StreamName, WarmThroughput } from './shapes.ts'

const Input = structure('UpdateStreamWarmThroughputInput', {
  StreamARN,
  StreamName,
  StreamId,
  WarmThroughputMiBps: required(NaturalInteger),
})

const Output = structure('UpdateStreamWarmThroughputOutput', {
  StreamARN,
  StreamName,
  WarmThroughput,
})

/** What an on-demand stream is to be ready for, whatever its traffic is. */
export const UpdateStreamWarmThroughput = operation('UpdateStreamWarmThroughput', {
  input: Input,
  output: Output,
  errors: [
    'AccessDeniedException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'ResourceInUseException',
    'ValidationException',
  ],
})

export type UpdateStreamWarmThroughputInput = Infer<typeof Input>
export type UpdateStreamWarmThroughputOutput = Infer<typeof Output>
