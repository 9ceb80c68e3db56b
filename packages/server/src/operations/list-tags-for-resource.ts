import { ListTagsForResource } from '@millrace/protocol'

import { sortedTags } from '../streams/tags.ts'
import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'

/** All tags of what an ARN names, by key. */
export const listTagsForResource = handle(ListTagsForResource, (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, ListTagsForResource.name, context)
  const stream = service.catalog.find(key)
  if (stream === undefined) throw streamNotFound(key)
  return { Tags: sortedTags(stream.tags) }
})
