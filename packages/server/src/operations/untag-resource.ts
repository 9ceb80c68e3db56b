import { UntagResource } from '@millrace/protocol'

import { handle } from './operation.ts'
import { resourceKeyOf } from './resource-lookup.ts'
import { removeTags } from './tags.ts'

/** Takes tags off what an ARN names. */
export const untagResource = handle(UntagResource, (input, service, context) =>
  removeTags(resourceKeyOf(input.ResourceARN, UntagResource.name, service, context), input.TagKeys, service, context),
)
