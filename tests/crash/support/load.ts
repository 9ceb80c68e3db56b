/**
 * Writers that put numbered records through the official SDK, one request in flight per key and no retries, while
 * shards are split, merged and scaled at random; and a reader of everything that is stored. Calls may fail at any time:
 * the server is being killed meanwhile.
 */
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type Shard,
  SplitShardCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis'
import { type Random, randomBelow } from '@millrace/std'
import type { History, StoredRecord } from './history.ts'

export interface Load {
  readonly sdk: KinesisClient
  readonly stream: string
  readonly history: History
  readonly random: Random
  /** Records of one request at most. Default: 4. */
  readonly batchMax?: number
  /** Open shards at most, and about as many are kept. Default: 8. */
  readonly openMax?: number
  /** Between two reshards, at least, ms. Default: 30. */
  readonly pauseMs?: number
}

/** Writes `key:0`, `key:1`, … until aborted. What fails is not sent again: it may be stored or not. */
export async function write(
  { sdk, stream, history, random, batchMax = 4 }: Load,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  let n = 0
  while (!signal.aborted) {
    const texts = Array.from({ length: 1 + randomBelow(random, batchMax) }, () => `${key}:${n++}`)
    // Now and then a large one, which spreads over several commits.
    const padding = random.float() < 0.02 ? ' '.repeat(300_000) : ' '.repeat(randomBelow(random, 400))
    for (const text of texts) history.attempt(text)
    const Records = texts.map((text) => ({ Data: Buffer.from(text + padding), PartitionKey: key }))
    try {
      if (texts.length === 1) {
        const [first] = Records
        const put = await sdk.send(new PutRecordCommand({ StreamName: stream, Data: first?.Data, PartitionKey: key }))
        acknowledge(history, texts[0], put.ShardId, put.SequenceNumber)
      } else {
        const put = await sdk.send(new PutRecordsCommand({ StreamName: stream, Records }))
        put.Records?.forEach((result, i) => acknowledge(history, texts[i], result.ShardId, result.SequenceNumber))
      }
    } catch {
      // Unanswered, or refused: either way it is not acknowledged. Do not spin while nobody listens.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function acknowledge(history: History, text?: string, shard?: string, sequenceNumber?: string): void {
  if (text !== undefined && shard !== undefined && sequenceNumber !== undefined)
    history.acknowledge({ text, shard, sequenceNumber })
}

/**
 * Splits, merges and scales at random, keeping between 2 and `openMax` open shards, until aborted. Returns how many went
 * through. Scalings are refused after ten in a day: the others go on.
 */
export async function reshard(
  { sdk, stream, random, openMax = 8, pauseMs = 30 }: Load,
  signal: AbortSignal,
): Promise<number> {
  let done = 0
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs + randomBelow(random, 5 * pauseMs)))
    try {
      const open = (await shardsOf(sdk, stream)).filter(isOpen).sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1))
      const at = randomBelow(random, open.length - 1)
      const [shard, next] = [open[at], open[at + 1]]
      if (shard === undefined || next === undefined) continue
      if (random.float() < 0.2) {
        const least = Math.max(2, Math.ceil(open.length / 2))
        const target = least + randomBelow(random, Math.min(openMax, open.length * 2) - least + 1)
        await sdk.send(
          new UpdateShardCountCommand({ StreamName: stream, TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' }),
        )
      } else if (open.length < 3 || (open.length < openMax && random.float() < 0.5)) {
        const middle = (startOf(shard) + BigInt(shard.HashKeyRange?.EndingHashKey ?? 0)) / 2n
        await sdk.send(
          new SplitShardCommand({ StreamName: stream, ShardToSplit: shard.ShardId, NewStartingHashKey: `${middle}` }),
        )
      } else {
        await sdk.send(
          new MergeShardsCommand({
            StreamName: stream,
            ShardToMerge: shard.ShardId,
            AdjacentShardToMerge: next.ShardId,
          }),
        )
      }
      done++
    } catch {
      // Killed meanwhile; whether it was begun or finished shows in the next listing.
    }
  }
  return done
}

const isOpen = (shard: Shard): boolean => shard.SequenceNumberRange?.EndingSequenceNumber === undefined
const startOf = (shard: Shard): bigint => BigInt(shard.HashKeyRange?.StartingHashKey ?? 0)

export async function shardsOf(sdk: KinesisClient, stream: string): Promise<Shard[]> {
  const shards: Shard[] = []
  let NextToken: string | undefined
  do {
    const page = await sdk.send(new ListShardsCommand(NextToken === undefined ? { StreamName: stream } : { NextToken }))
    shards.push(...(page.Shards ?? []))
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return shards
}

/** Every record of every shard, from the trim horizon to the tip or the end. */
export async function readAll(sdk: KinesisClient, stream: string): Promise<StoredRecord[]> {
  const stored: StoredRecord[] = []
  for (const { ShardId = '' } of await shardsOf(sdk, stream)) {
    const first = await sdk.send(
      new GetShardIteratorCommand({ StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    )
    let ShardIterator = first.ShardIterator
    while (ShardIterator !== undefined) {
      const page: GetRecordsCommandOutput = await sdk.send(new GetRecordsCommand({ ShardIterator }))
      for (const record of page.Records ?? [])
        stored.push({
          shard: ShardId,
          sequenceNumber: record.SequenceNumber ?? '',
          text: Buffer.from(record.Data ?? [])
            .toString()
            .trimEnd(),
        })
      if (page.Records?.length === 0 && page.MillisBehindLatest === 0) break
      ShardIterator = page.NextShardIterator
    }
  }
  return stored
}

/** Whether so many seconds have gone by since. */
export function timeLimit(seconds: number): () => boolean {
  const endMs = performance.now() + seconds * 1_000
  return () => performance.now() >= endMs
}
