/** Making streams, writing and reading whole shards through the SDK: the words most conformance tests are told in. */
import {
  CreateStreamCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
  type ShardIteratorType,
} from '@aws-sdk/client-kinesis'

export const HASH_KEY_MAX = 2n ** 128n - 1n

export async function createStream(sdk: KinesisClient, name: string, shards = 1): Promise<string> {
  await sdk.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  return name
}

export async function shardsOf(sdk: KinesisClient, name: string): Promise<Shard[]> {
  return (await sdk.send(new ListShardsCommand({ StreamName: name }))).Shards ?? []
}

export async function iteratorAt(
  sdk: KinesisClient,
  stream: string,
  shard: string,
  type: ShardIteratorType = 'TRIM_HORIZON',
  rest: { StartingSequenceNumber?: string; Timestamp?: Date } = {},
): Promise<string> {
  const command = new GetShardIteratorCommand({ StreamName: stream, ShardId: shard, ShardIteratorType: type, ...rest })
  return (await sdk.send(command)).ShardIterator ?? ''
}

/** Reads a shard from an iterator until it is at the tip or at its end; returns every page. */
export async function pagesFrom(
  sdk: KinesisClient,
  iterator: string,
  limit?: number,
): Promise<GetRecordsCommandOutput[]> {
  const pages: GetRecordsCommandOutput[] = []
  let next: string | undefined = iterator
  while (next !== undefined) {
    const page: GetRecordsCommandOutput = await sdk.send(
      new GetRecordsCommand({ ShardIterator: next, ...(limit === undefined ? {} : { Limit: limit }) }),
    )
    pages.push(page)
    if (page.MillisBehindLatest === 0 && page.Records?.length === 0) break
    next = page.NextShardIterator
  }
  return pages
}

/** All data of a shard, from the trim horizon to the tip, as text. */
export async function textsOf(sdk: KinesisClient, stream: string, shard: string): Promise<string[]> {
  const pages = await pagesFrom(sdk, await iteratorAt(sdk, stream, shard))
  return pages.flatMap((page) => (page.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString()))
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)
