/** One worker for several streams, against a service. */
import { KinesisClient } from '@millrace/client'
import { MemoryLeases, Worker } from '@millrace/consumer'
import { startServer } from '@millrace/server'
import { expect, it } from 'vitest'

it('a worker processes the streams that it is told, and those that a function names later', async () => {
  const server = await startServer({ port: 0, dataDir: ':memory:' })
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
  const streams: string[] = []
  const add = async (StreamName: string): Promise<void> => {
    await client.createStream({ StreamName, ShardCount: 2 })
    await client.putRecord({ StreamName, PartitionKey: 'ada', Data: Buffer.from(`of ${StreamName}`) })
    streams.push(StreamName)
  }
  await add('orders')
  await add('returns')
  const leases = new MemoryLeases().open()
  const worker = new Worker({ client, application: 'billing', stream: () => streams, leases, shardSyncMs: 100 })
  const seen: string[] = []
  const running = worker.each(({ data }, { stream }) => void seen.push(`${Buffer.from(data).toString()} in ${stream}`))
  await expect.poll(() => seen.sort()).toEqual(['of orders in orders', 'of returns in returns'])
  expect(worker.held).toHaveLength(4)
  await add('gifts')
  await expect.poll(() => seen).toContain('of gifts in gifts')
  await worker.stop()
  await running
  await client.close()
  await server.close()
})
