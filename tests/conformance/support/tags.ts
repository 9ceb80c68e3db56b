/** Tags of whatever has an ARN. */
import { ListTagsForResourceCommand } from '@aws-sdk/client-kinesis'
import type { Service } from './service.ts'

/** All tags of a stream, consumer or channel, in the order of the answer, as `key=value`. */
export async function tagsOf(service: Service, ResourceARN: string): Promise<string[]> {
  const { Tags } = await service.sdk.send(new ListTagsForResourceCommand({ ResourceARN }))
  return (Tags ?? []).map(({ Key, Value }) => `${Key}=${Value}`)
}
