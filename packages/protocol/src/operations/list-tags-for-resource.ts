/** ListTagsForResource on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import { ResourceARN, StreamId, Tag } from './shapes.ts'

const Input = structure('ListTagsForResourceInput', {
  ResourceARN: required(ResourceARN),
  StreamId,
})

const Output = structure('ListTagsForResourceOutput', {
  Tags: list(Tag, { min: 0, max: 200 }),
})

/** All tags of whatever has an ARN, by key. Not paged. */
export const ListTagsForResource = operation('ListTagsForResource', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type ListTagsForResourceInput = Infer<typeof Input>
export type ListTagsForResourceOutput = Infer<typeof Output>
