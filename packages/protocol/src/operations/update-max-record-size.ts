/** UpdateMaxRecordSize on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { MaxRecordSizeInKiB, StreamARN, StreamId } from './shapes.ts'

const Input = structure('UpdateMaxRecordSizeInput', {
  StreamARN,
  StreamId,
  MaxRecordSizeInKiB: required(MaxRecordSizeInKiB),
})

/** Changes how large a record of a stream may be. What is stored stays as it is. */
export const UpdateMaxRecordSize = operation('UpdateMaxRecordSize', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
    'ValidationException',
  ],
})

export type UpdateMaxRecordSizeInput = Infer<typeof Input>
export type UpdateMaxRecordSizeOutput = void
