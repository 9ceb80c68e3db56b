/** DeleteStream on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { structure } from '../schema/schema.ts'
import { Flag, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('DeleteStreamInput', {
  StreamName,
  StreamARN,
  StreamId,
  EnforceConsumerDeletion: Flag,
})

/** Removes a stream with all its shards and records, in any state. Answers before it is gone. */
export const DeleteStream = operation('DeleteStream', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'LimitExceededException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type DeleteStreamInput = Infer<typeof Input>
export type DeleteStreamOutput = void
