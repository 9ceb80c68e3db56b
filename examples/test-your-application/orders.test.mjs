/** An application's test, with vitest and the AWS SDK: `npx vitest run orders.test.mjs`. */
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { startTestServer } from 'millrace/testing'
import { afterAll, beforeEach, expect, it } from 'vitest'

const kit = await startTestServer({ createStreams: [{ name: 'orders', shards: 1 }] })
const kinesis = new KinesisClient({
  endpoint: kit.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
})
beforeEach(() => kit.reset())
afterAll(() => kit.close())

const put = (text) =>
  kinesis.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'ada', Data: Buffer.from(text) }))

async function read() {
  const from = { StreamName: 'orders', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from))
  const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
  return Records.map(({ Data }) => Buffer.from(Data).toString())
}

it('goes on when it is throttled', async () => {
  const throttle = kit.faults.add({ operation: 'PutRecord', kind: 'throttle', times: 2 })
  await put('tea')
  expect(throttle.hits).toBe(2)
  expect(await read()).toEqual(['tea'])
})

it('finds nothing after a day', async () => {
  await put('tea')
  await kit.clock.advance('24h1m')
  expect(await read()).toEqual([])
})
