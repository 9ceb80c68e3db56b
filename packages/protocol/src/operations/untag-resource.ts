/** UntagResource on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ResourceARN, StreamId, TagKeys } from './shapes.ts'

const Input = structure('UntagResourceInput', {
  TagKeys: required(TagKeys),
  ResourceARN: required(ResourceARN),
  StreamId,
})

/** The same as RemoveTagsFromStream, for whatever has an ARN. */
export const UntagResource = operation('UntagResource', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type UntagResourceInput = Infer<typeof Input>
export type UntagResourceOutput = void
