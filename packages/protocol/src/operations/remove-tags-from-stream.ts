/** RemoveTagsFromStream on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { StreamARN, StreamId, StreamName, TagKeys } from './shapes.ts'

const Input = structure('RemoveTagsFromStreamInput', {
  TagKeys: required(TagKeys),
  StreamName,
  StreamARN,
  StreamId,
})

/** Takes tags off a stream. Keys that are not there are passed over. */
export const RemoveTagsFromStream = operation('RemoveTagsFromStream', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type RemoveTagsFromStreamInput = Infer<typeof Input>
export type RemoveTagsFromStreamOutput = void
