/**
 * One way to read a whole stream, in a process of its own: reads `count` records from the stream's beginning and prints as a line of JSON
 * what that took, from the first batch to the last. Usage: node reader.mjs loop|worker|lifion SETTINGS (JSON, see consumers.ts)
 */
import { createRequire } from 'node:module'

const [way, settings] = process.argv.slice(2)
const { endpoint, stream, count, credentials, rivals, tables } = JSON.parse(settings)
const region = 'us-east-1'

let [records, bytes, untimed, firstMs, cpu] = [0, 0, 0, 0, undefined]
function take(batch, dataOf) {
  if (records === 0 && batch.length > 0) {
    firstMs = performance.now()
    cpu = process.cpuUsage()
    untimed = batch.length
  }
  for (const record of batch) bytes += dataOf(record).length
  records += batch.length
  if (records < count) return
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    JSON.stringify({
      records: records - untimed,
      bytes,
      seconds: (performance.now() - firstMs) / 1e3,
      cpuSeconds: (user + system) / 1e6,
    }),
  )
  process.exit()
}

/** What an application would write that needs nothing else: each shard's pages, one after another. */
async function loop() {
  const { KinesisClient } = await import('@millrace/client')
  const client = new KinesisClient({ endpoint, region, credentials })
  const { Shards } = await client.listShards({ StreamName: stream })
  const readShard = async ({ ShardId }) => {
    const from = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' }
    let { ShardIterator } = await client.getShardIterator(from)
    while (ShardIterator !== undefined) {
      const page = await client.getRecords({ ShardIterator, Limit: 10_000 })
      ShardIterator = page.NextShardIterator
      take(page.Records, ({ Data }) => Data)
    }
  }
  await Promise.all(Shards.map(readShard))
}

async function worker() {
  const { KinesisClient } = await import('@millrace/client')
  const { polling, ServiceLeaseStore, Worker } = await import('@millrace/consumer')
  const client = new KinesisClient({ endpoint, region, credentials })
  const application = `bench-${process.pid}`
  const leases = new ServiceLeaseStore({ client, application })
  const retrieval = polling({ readsPerSecond: Infinity, bytesPerSecond: Infinity })
  const reading = new Worker({ client, application, stream, leases, retrieval })
  for await (const batch of reading.batches({ checkpoint: { everyMs: 1_000 } })) take(batch.records, ({ data }) => data)
}

/** As fast as its options let it; its checkpoints are in a DynamoDB of this process's parent. */
async function lifion() {
  const Kinesis = createRequire(rivals)('lifion-kinesis')
  const access = { region, accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey }
  const reading = new Kinesis({
    ...access,
    endpoint,
    streamName: stream,
    consumerGroup: `bench-${process.pid}`,
    createStreamIfNeeded: false,
    dynamoDb: { ...access, endpoint: tables, tableName: `bench-${process.pid}` },
    initialPositionInStream: 'TRIM_HORIZON',
    useAutoShardAssignment: false,
    shouldParseJson: false,
    limit: 10_000,
    pollDelay: 0,
  })
  reading.on('data', (batch) => take(batch.records, ({ data }) => data))
  reading.on('error', (error) => {
    throw error
  })
  await reading.startConsumer()
}

await { loop, worker, lifion }[way]()
