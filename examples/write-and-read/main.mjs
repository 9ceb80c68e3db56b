/**
 * A stream written and read within a minute, with nothing but the AWS SDK. Start Millrace first (`npm start`), then
 * `node examples/write-and-read/main.mjs`; MILLRACE_ENDPOINT points it elsewhere.
 */
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis'

const kinesis = new KinesisClient({
  endpoint: process.env.MILLRACE_ENDPOINT ?? 'http://localhost:4567',
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
})
const StreamName = `orders-${process.pid}`

await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }))
for (const user of ['ada', 'grace', 'barbara', 'ada'])
  await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: user, Data: Buffer.from(`order of ${user}`) }))

const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }))
for (const { ShardId } of Shards) {
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  )
  const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
  for (const record of Records) console.log(`${ShardId}  ${record.PartitionKey}  ${Buffer.from(record.Data)}`)
}
kinesis.destroy()
