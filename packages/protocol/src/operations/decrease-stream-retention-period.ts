/** DecreaseStreamRetentionPeriod on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { RetentionPeriodHours, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('DecreaseStreamRetentionPeriodInput', {
  RetentionPeriodHours: required(RetentionPeriodHours),
  StreamName,
  StreamARN,
  StreamId,
})

/** Keeps records for less long. What is older is gone at once. */
export const DecreaseStreamRetentionPeriod = operation('DecreaseStreamRetentionPeriod', {
  input: Input,
  errors: [
    'ResourceInUseException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type DecreaseStreamRetentionPeriodInput = Infer<typeof Input>
export type DecreaseStreamRetentionPeriodOutput = void
