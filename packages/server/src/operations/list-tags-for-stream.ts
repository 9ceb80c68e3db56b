import { ListTagsForStream } from '@millrace/protocol'

import { sortedTags } from '../streams/tags.ts'
import { handle } from './operation.ts'
import { getStream } from './stream-lookup.ts'

/** A stream's tags by key: all of them, or as many as asked for, from behind a key that need not be there. */
export const listTagsForStream = handle(ListTagsForStream, (input, service, context) => {
  const { tags } = getStream(input, ListTagsForStream.name, service, context)
  const rest = sortedTags(tags, input.ExclusiveStartTagKey)
  const limit = input.Limit ?? rest.length
  return { Tags: rest.slice(0, limit), HasMoreTags: rest.length > limit }
})
