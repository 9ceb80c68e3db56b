/** IncreaseStreamRetentionPeriod on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { RetentionPeriodHours, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('IncreaseStreamRetentionPeriodInput', {
  RetentionPeriodHours: required(RetentionPeriodHours),
  StreamName,
  StreamARN,
  StreamId,
})

/** Keeps records for longer. What was trimmed does not come back. */
export const IncreaseStreamRetentionPeriod = operation('IncreaseStreamRetentionPeriod', {
  input: Input,
  errors: [
    'ResourceInUseException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type IncreaseStreamRetentionPeriodInput = Infer<typeof Input>
export type IncreaseStreamRetentionPeriodOutput = void
