import {
  DescribeStream,
  ListShards,
  ListStreamConsumers,
  ListStreams,
  type Operation,
  PutRecord,
} from '@millrace/protocol'
import { runClock, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { KinesisClient } from './client.ts'
import { ScriptedTransport } from './testing/scripted-transport.ts'

/** Asks for all pages of `operation`, answered by `outputs`; gives the inputs that were sent. */
async function inputsOf<I, O>(operation: Operation<I, O>, input: I, outputs: readonly O[]): Promise<unknown[]> {
  const clock = new VirtualClock()
  const transport = new ScriptedTransport(
    clock,
    outputs.map((output) => ({ output })),
  )
  const credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret' }
  const client = new KinesisClient({ endpoint: 'http://kinesis.test', region: 'r', credentials, transport, clock })
  const pages: O[] = []
  const all = async (): Promise<void> => {
    for await (const page of client.pages(operation, input)) pages.push(page)
  }
  await runClock(clock, all())
  expect(pages).toEqual(outputs)
  return transport.requests.map(({ request }) => JSON.parse(Buffer.from(request.body).toString()) as unknown)
}

const shard = (ShardId: string) => ({
  ShardId,
  HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
  SequenceNumberRange: { StartingSequenceNumber: '1' },
})

describe('pages', () => {
  it('of ListShards follow the token alone, since it stands for stream and filter', async () => {
    const outputs = [
      { Shards: [shard('shardId-000000000000')], NextToken: 'more' },
      { Shards: [shard('shardId-000000000001')] },
    ]
    expect(await inputsOf(ListShards, { StreamName: 'orders', MaxResults: 1 }, outputs)).toEqual([
      { StreamName: 'orders', MaxResults: 1 },
      { NextToken: 'more', MaxResults: 1 },
    ])
  })

  it('of ListStreams follow the token, and the last name where a server gives none', async () => {
    const outputs = [
      { StreamNames: ['a', 'b'], HasMoreStreams: true, NextToken: 'more' },
      { StreamNames: ['c'], HasMoreStreams: true },
      { StreamNames: [], HasMoreStreams: false },
    ]
    expect(await inputsOf(ListStreams, { Limit: 2 }, outputs)).toEqual([
      { Limit: 2 },
      { Limit: 2, NextToken: 'more' },
      { Limit: 2, ExclusiveStartStreamName: 'c' },
    ])
  })

  it('of ListStreamConsumers follow the token beside the stream, which stays required', async () => {
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/orders'
    const input = { StreamARN, MaxResults: 1, StreamCreationTimestamp: 1_700_000_000_000 }
    expect(
      await inputsOf(ListStreamConsumers, input, [{ Consumers: [], NextToken: 'more' }, { Consumers: [] }]),
    ).toEqual([
      { StreamARN, MaxResults: 1, StreamCreationTimestamp: 1_700_000_000 },
      { StreamARN, MaxResults: 1, NextToken: 'more' },
    ])
  })

  it('of DescribeStream follow the last shard', async () => {
    const description = {
      StreamName: 'orders',
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders',
      StreamStatus: 'ACTIVE',
      RetentionPeriodHours: 24,
      StreamCreationTimestamp: 1_700_000_000_000,
      EnhancedMonitoring: [],
    } as const
    const outputs = [
      { StreamDescription: { ...description, Shards: [shard('shardId-000000000000')], HasMoreShards: true } },
      { StreamDescription: { ...description, Shards: [shard('shardId-000000000001')], HasMoreShards: false } },
    ]
    expect(await inputsOf(DescribeStream, { StreamName: 'orders' }, outputs)).toEqual([
      { StreamName: 'orders' },
      { StreamName: 'orders', ExclusiveStartShardId: 'shardId-000000000000' },
    ])
  })

  it('of an operation that answers whole are a mistake', async () => {
    await expect(inputsOf(PutRecord as Operation, {}, [])).rejects.toThrow('PutRecord does not answer in pages')
  })
})
