import { TagResource } from '@millrace/protocol'

import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'
import { addTags } from './tags.ts'

/** Gives what an ARN names tags. */
export const tagResource = handle(TagResource, (input, service, context) =>
  addTags(resourceKeyOf(input.ResourceARN, TagResource.name, service, context), input.Tags, service, context),
)
