/** TagResource on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ResourceARN, StreamId, Tags } from './shapes.ts'

const Input = structure('TagResourceInput', {
  Tags: required(Tags),
  ResourceARN: required(ResourceARN),
  StreamId,
})

/** The same as AddTagsToStream, for whatever has an ARN. */
export const TagResource = operation('TagResource', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type TagResourceInput = Infer<typeof Input>
export type TagResourceOutput = void
