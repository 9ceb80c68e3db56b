import { AddTagsToStream } from '@millrace/protocol'

import { handle } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'
import { addTags } from './tags.ts'

/** Gives a stream tags. */
export const addTagsToStream = handle(AddTagsToStream, (input, service, context) =>
  addTags({ stream: streamKeyOf(input, AddTagsToStream.name, context) }, input.Tags, service, context),
)
