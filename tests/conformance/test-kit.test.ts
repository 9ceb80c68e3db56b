/** The test kit as its users meet it: the official SDK on sockets, time moved and faults added beside it. */
import {
  CreateStreamCommand,
  DescribeStreamCommand,
  GetRecordsCommand,
  IncreaseStreamRetentionPeriodCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  type SubscribeToShardEventStream,
} from '@aws-sdk/client-kinesis'
import { startTestServer, type TestServer } from '@millrace/server/testing'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { bytes, iteratorAt, pagesFrom, textsOf } from './support/records.ts'
import { sdkClient, streamArn } from './support/sdk-client.ts'
import { onOwnServer, refusal } from './support/service.ts'

const SHARD_0 = 'shardId-000000000000'
const SHARD_1 = 'shardId-000000000001'
/** Hash keys in the lower and in the upper half: the first shard of two, and the second. */
const LOWER = '0'
const UPPER = String(2n ** 127n)

let kit: TestServer
let sdk: KinesisClient

beforeAll(async () => {
  kit = await startTestServer({ createStreams: [{ name: 'orders', shards: 2 }], shardLimits: 'off' })
  sdk = sdkClient(kit.endpoint)
})
beforeEach(() => kit.reset())
afterAll(async () => {
  sdk.destroy()
  await kit.close()
})

const put = (text: string, hash = LOWER, client = sdk) =>
  client.send(
    new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: hash, Data: bytes(text) }),
  )

async function subscribe(): Promise<AsyncIterable<SubscribeToShardEventStream>> {
  const registered = await sdk.send(
    new RegisterStreamConsumerCommand({ StreamARN: streamArn('orders'), ConsumerName: 'billing' }),
  )
  const { EventStream } = await sdk.send(
    new SubscribeToShardCommand({
      ConsumerARN: registered.Consumer?.ConsumerARN,
      ShardId: SHARD_0,
      StartingPosition: { Type: 'TRIM_HORIZON' },
    }),
  )
  if (EventStream === undefined) throw new Error('expected an event stream')
  return EventStream
}

/** All texts that come until the stream ends, and how it ended. */
async function readToEnd(events: AsyncIterable<SubscribeToShardEventStream>) {
  const texts: string[] = []
  try {
    for await (const { SubscribeToShardEvent: event } of events)
      for (const { Data } of event?.Records ?? []) texts.push(Buffer.from(Data ?? []).toString())
    return { texts, end: 'clean' }
  } catch (error) {
    return { texts, end: (error as Error).message }
  }
}

onOwnServer('time that is moved', () => {
  it('takes away what is older than the retention, and no more', async () => {
    await put('old')
    await kit.clock.advance('23h')
    await put('new')
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['old', 'new'])
    await kit.clock.advance('2h')
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['new'])
  })

  it('keeps a year for a stream that keeps a year', async () => {
    await sdk.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: 'orders', RetentionPeriodHours: 8760 }))
    await put('old')
    await kit.clock.advance('364d')
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['old'])
    await kit.clock.advance('1d1m')
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual([])
  })

  it('expires iterators after five minutes', async () => {
    const iterator = await iteratorAt(sdk, 'orders', SHARD_0)
    await kit.clock.advance('4m59s')
    expect(await pagesFrom(sdk, iterator)).toHaveLength(1)
    await kit.clock.advance('2s')
    const refused = await refusal(sdk.send(new GetRecordsCommand({ ShardIterator: iterator })))
    expect(refused).toMatchObject({ name: 'ExpiredIteratorException', status: 400 })
  })

  it('ends subscriptions cleanly after five minutes', async () => {
    await put('pushed')
    const end = readToEnd(await subscribe())
    await kit.clock.advance('5m')
    expect(await end).toEqual({ texts: ['pushed'], end: 'clean' })
  })

  it('fills the buckets of shards', async () => {
    await using limited = await startTestServer({
      createStreams: [{ name: 'orders', shards: 1 }],
      shardLimits: { writeRecords: 1 },
    })
    const client = sdkClient(limited.endpoint)
    await put('first', LOWER, client)
    expect(await refusal(put('second', LOWER, client))).toMatchObject({
      name: 'ProvisionedThroughputExceededException',
      message: `Rate exceeded for shard ${SHARD_0} in stream orders under account 000000000000.`,
    })
    await limited.clock.advance('1s')
    await put('second', LOWER, client)
    client.destroy()
  })

  it('takes an on-demand stream back to four shards after thirty days', async () => {
    // Shards of 10 KB/s: as much traffic as a test likes to make is much for them.
    await using small = await startTestServer({
      createStreams: [{ name: 'clicks' }],
      shardLimits: { writeBytes: 10_000 },
    })
    const client = sdkClient(small.endpoint)
    const open = async () =>
      (await client.send(new ListShardsCommand({ StreamName: 'clicks', ShardFilter: { Type: 'AT_LATEST' } }))).Shards
        ?.length
    for (let second = 0; second < 20; second++) {
      const Records = Array.from({ length: 40 }, (_, i) => ({ PartitionKey: `k${i}`, Data: Buffer.alloc(800) }))
      await client.send(new PutRecordsCommand({ StreamName: 'clicks', Records }))
      await small.clock.advance('1s')
    }
    expect(await open()).toBeGreaterThan(4)
    await small.clock.advance('31d')
    expect(await open()).toBe(4)
    client.destroy()
  })
})

onOwnServer('faults', () => {
  it('of one shard throttle that shard in its words, as often as was said', async () => {
    const fault = kit.faults.add({ operation: 'PutRecord', shard: SHARD_1, kind: 'throttle', times: 2 })
    await put('lower')
    for (let i = 0; i < 2; i++) {
      expect(await refusal(put('upper', UPPER))).toEqual({
        name: 'ProvisionedThroughputExceededException',
        message: `Rate exceeded for shard ${SHARD_1} in stream orders under account 000000000000.`,
        status: 400,
      })
    }
    await put('upper', UPPER)
    expect(fault.hits).toBe(2)
  })

  it('the SDK goes on by itself after a throttle and a 500', async () => {
    kit.faults.add({ operation: 'PutRecord', kind: 'throttle', times: 1 })
    kit.faults.add({ operation: 'PutRecord', kind: 'internal-failure', times: 1 })
    const patient = new KinesisClient({
      endpoint: kit.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    const answer = await put('once', LOWER, patient)
    expect(answer.$metadata.attempts).toBe(3)
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['once'])
    patient.destroy()
  })

  it('an answer that is lost makes a duplicate of what is sent again', async () => {
    kit.faults.add({ operation: 'PutRecord', kind: 'internal-failure', applied: true, times: 1 })
    expect(await refusal(put('twice'))).toMatchObject({ name: 'InternalFailure', status: 500 })
    await put('twice')
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['twice', 'twice'])
  })

  it('fail some records of PutRecords where they stand, and store the others in order', async () => {
    kit.faults.add({ kind: 'fail-records', shard: SHARD_1, code: 'InternalFailure', skip: 1, times: 1 })
    kit.faults.add({ operation: 'PutRecords', kind: 'throttle', shard: SHARD_0, times: 1 })
    const Records = [UPPER, LOWER, UPPER, LOWER].map((ExplicitHashKey, i) => ({
      PartitionKey: 'k',
      ExplicitHashKey,
      Data: bytes(String(i)),
    }))
    const answer = await sdk.send(new PutRecordsCommand({ StreamName: 'orders', Records }))
    expect(answer.FailedRecordCount).toBe(2)
    expect(answer.Records?.map(({ ErrorCode, ErrorMessage, ShardId }) => ErrorMessage ?? ErrorCode ?? ShardId)).toEqual(
      [
        SHARD_1,
        `Rate exceeded for shard ${SHARD_0} in stream orders under account 000000000000.`,
        'Internal service failure.',
        SHARD_0,
      ],
    )
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['3'])
    expect(await textsOf(sdk, 'orders', SHARD_1)).toEqual(['0'])
  })

  it('expire an iterator that is young', async () => {
    const iterator = await iteratorAt(sdk, 'orders', SHARD_0)
    kit.faults.add({ kind: 'expire-iterator', times: 1 })
    const refused = await refusal(sdk.send(new GetRecordsCommand({ ShardIterator: iterator })))
    expect(refused.name).toBe('ExpiredIteratorException')
    expect(refused.message).toMatch(/^Iterator expired\. The iterator was created at time .* 300000 milliseconds\.$/)
    expect(await pagesFrom(sdk, iterator)).toHaveLength(1)
  })

  it('cut a subscription that is open already, without a word', async () => {
    await put('first')
    const end = readToEnd(await subscribe())
    await kit.clock.advance(100)
    kit.faults.add({ kind: 'cut', stream: 'orders', shard: SHARD_0, times: 1 })
    await put('second')
    const { texts, end: how } = await end
    expect(texts).toEqual(['first'])
    expect(how).not.toBe('clean')
  })

  it('hold an answer back by the clock that can be moved', async () => {
    kit.faults.add({ operation: 'PutRecord', kind: 'delay', for: '15s', times: 1 })
    const late = put('late')
    await expect.poll(() => kit.faults.list()[0]?.hits).toBe(1)
    await put('early')
    await kit.clock.advance('15s')
    await late
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual(['early', 'late'])
  })

  it('throttle calls without a shard as LimitExceededException, and give any other error', async () => {
    kit.faults.add({ operation: 'DescribeStream', kind: 'throttle', times: 1 })
    kit.faults.add({ kind: 'error', type: 'KMSThrottlingException', message: 'slow down', stream: 'orders', times: 1 })
    const describeStream = () => sdk.send(new DescribeStreamCommand({ StreamName: 'orders' }))
    expect(await refusal(describeStream())).toMatchObject({
      name: 'LimitExceededException',
      message: 'Rate exceeded for stream orders under account 000000000000.',
    })
    expect(await refusal(describeStream())).toMatchObject({ name: 'KMSThrottlingException', message: 'slow down' })
    await describeStream()
  })
})

onOwnServer('a reset', () => {
  it('takes streams, records, iterators, subscriptions, faults and moved time', async () => {
    await sdk.send(new CreateStreamCommand({ StreamName: 'other', ShardCount: 1 }))
    await put('gone')
    const iterator = await iteratorAt(sdk, 'orders', SHARD_0)
    const end = readToEnd(await subscribe())
    await kit.clock.advance('1h')
    kit.faults.add({ kind: 'internal-failure' })
    const startedMs = Date.now()
    await kit.reset()
    expect(await end).toMatchObject({ end: 'clean' })
    expect((await sdk.send(new ListStreamsCommand({}))).StreamNames).toEqual(['orders'])
    expect(await textsOf(sdk, 'orders', SHARD_0)).toEqual([])
    expect(await refusal(sdk.send(new GetRecordsCommand({ ShardIterator: iterator })))).toMatchObject({
      name: 'InvalidArgumentException',
    })
    expect(kit.faults.list()).toEqual([])
    expect(kit.clock.now()).toBeGreaterThanOrEqual(startedMs)
    expect(kit.clock.now()).toBeLessThan(startedMs + 60_000)
  })
})
