/** ListTagsForStream on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { integer, list, required, structure } from '../schema/schema.ts'
import { Flag, StreamARN, StreamId, StreamName, Tag, TagKey } from './shapes.ts'

const Input = structure('ListTagsForStreamInput', {
  Limit: integer({ min: 1, max: 50 }),
  ExclusiveStartTagKey: TagKey,
  StreamName,
  StreamARN,
  StreamId,
})

const Output = structure('ListTagsForStreamOutput', {
  Tags: required(list(Tag, { min: 0, max: 200 })),
  HasMoreTags: required(Flag),
})

/** A stream's tags by key, all of them unless a limit is given. */
export const ListTagsForStream = operation('ListTagsForStream', {
  input: Input,
  output: Output,
  errors: ['ResourceNotFoundException', 'InvalidArgumentException', 'LimitExceededException', 'AccessDeniedException'],
})

export type ListTagsForStreamInput = Infer<typeof Input>
export type ListTagsForStreamOutput = Infer<typeof Output>
