/** AddTagsToStream on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { StreamARN, StreamId, StreamName, Tags } from './shapes.ts'

const Input = structure('AddTagsToStreamInput', {
  Tags: required(Tags),
  StreamName,
  StreamARN,
  StreamId,
})

/** Gives a stream tags, at most 50 in all. A key that is there already gets the new value. */
export const AddTagsToStream = operation('AddTagsToStream', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type AddTagsToStreamInput = Infer<typeof Input>
export type AddTagsToStreamOutput = void
