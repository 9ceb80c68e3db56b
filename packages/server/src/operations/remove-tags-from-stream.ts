import { RemoveTagsFromStream } from '@millrace/protocol'

import { handle } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'
import { removeTags } from './tags.ts'

/** Takes tags off a stream. */
export const removeTagsFromStream = handle(RemoveTagsFromStream, (input, service, context) =>
  removeTags({ stream: streamKeyOf(input, RemoveTagsFromStream.name, context) }, input.TagKeys, service, context),
)
