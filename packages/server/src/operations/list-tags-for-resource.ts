import { ListTagsForResource } from '@millrace/protocol'

import { sortedTags } from '../streams/tags.ts'
import { handle } from './operation.ts'
import { getLabels, resourceKeyOf } from './resource-lookup.ts'

/** All tags of what an ARN names, by key. */
export const listTagsForResource = handle(ListTagsForResource, (input, service, context) => {
  const key = resourceKeyOf(input.ResourceARN, ListTagsForResource.name, service, context)
  return { Tags: sortedTags(getLabels(key, service).tags) }
})
