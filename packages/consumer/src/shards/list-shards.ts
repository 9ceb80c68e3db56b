/** All shards of a stream that the service lists. Rejects as the client does. */
import type { Shard } from '@millrace/protocol'
import type { StreamService } from '../service.ts'
import type { StreamInput } from '../stream-names.ts'

export async function listShards(
  service: Pick<StreamService, 'listShards'>,
  stream: StreamInput,
  signal: AbortSignal,
): Promise<readonly Shard[]> {
  const shards: Shard[] = []
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const input = token === undefined ? stream : { NextToken: token }
    const page = await service.listShards(input, { signal })
    shards.push(...(page.Shards ?? []))
    token = page.NextToken
  }
  return shards
}
