/**
 * A stream consumed by a worker that keeps its leases and checkpoints in Millrace itself. Start Millrace first (`npm start`),
 * then `node examples/consume/main.mjs`; MILLRACE_ENDPOINT points it elsewhere. Start it again with the same APPLICATION, or
 * several at once: they share the shards, and go on where the application stood.
 */
import { KinesisClient } from '@millrace/client'
import { ServiceLeaseStore, Worker } from '@millrace/consumer'

const client = new KinesisClient({
  endpoint: process.env.MILLRACE_ENDPOINT ?? 'http://localhost:4567',
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
})
const application = process.env.APPLICATION ?? `counting-${process.pid}`
const stream = `orders-of-${application}`
await client.createStream({ StreamName: stream, ShardCount: 2 })
for (const user of ['ada', 'grace', 'barbara', 'ada'])
  await client.putRecord({ StreamName: stream, PartitionKey: user, Data: Buffer.from(`order of ${user}`) })

const leases = new ServiceLeaseStore({ client, application })
const worker = new Worker({ client, application, stream, leases })
const words = new Map()
let records = 0
// SIGTERM, as a container sends it, ends the loop after the batch in hand; the leases are free for others at once.
for await (const batch of worker.batches({ stopOn: ['SIGTERM', 'SIGINT'] })) {
  for (const record of batch.records) {
    const text = Buffer.from(record.data).toString()
    console.log(`${batch.shardId}  ${text}`)
    for (const word of text.split(' ')) words.set(word, (words.get(word) ?? 0) + 1)
  }
  await batch.checkpoint() // At least once: a crash before this line delivers the batch again.
  records += batch.records.length
  if (records >= 4) break
}
console.log(Object.fromEntries(words))
await client.close()
