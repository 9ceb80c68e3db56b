/** Making streams, writing and reading whole shards through the SDK: the words most conformance tests are told in. */
import {
  type _Record,
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

/** All of them, which are no more than one answer has. */
export async function shardsOf(sdk: KinesisClient, name: string): Promise<Shard[]> {
  const { Shards, NextToken } = await sdk.send(new ListShardsCommand({ StreamName: name }))
  if (Shards === undefined || NextToken !== undefined) throw new Error(`expected all shards of ${name} in one answer`)
  return Shards
}

export async function iteratorAt(
  sdk: KinesisClient,
  stream: string,
  shard: string,
  type: ShardIteratorType = 'TRIM_HORIZON',
  rest: { StartingSequenceNumber?: string; Timestamp?: Date } = {},
): Promise<string> {
  const command = new GetShardIteratorCommand({ StreamName: stream, ShardId: shard, ShardIteratorType: type, ...rest })
  const { ShardIterator } = await sdk.send(command)
  if (ShardIterator === undefined) throw new Error(`expected an iterator of ${shard} of ${stream}`)
  return ShardIterator
}

/** No test reads a shard in more. */
const PAGES_MAX = 1_000

/** Reads a shard from an iterator until it is at the tip or at its end; returns every page. */
export async function pagesFrom(
  sdk: KinesisClient,
  iterator: string,
  limit?: number,
): Promise<GetRecordsCommandOutput[]> {
  const pages: GetRecordsCommandOutput[] = []
  let next: string | undefined = iterator
  while (next !== undefined) {
    if (pages.length === PAGES_MAX)
      throw new Error(`the shard has no end: ${PAGES_MAX} pages, ${pages.at(-1)?.MillisBehindLatest} ms behind`)
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
  return pages.flatMap((page) => (page.Records ?? []).map(textOf))
}

export function textOf({ Data, SequenceNumber }: _Record): string {
  if (Data === undefined) throw new Error(`expected record ${SequenceNumber} to have data`)
  return Buffer.from(Data).toString()
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)
