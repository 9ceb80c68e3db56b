/** A fleet that was away for longer than the retention, against a service whose clock is moved on. */
import { KinesisClient } from '@millrace/client'
import { fanOut, MemoryLeases, type OpenRetrieval, polling, Worker, type WorkerEvent } from '@millrace/consumer'
import { startTestServer } from '@millrace/server/testing'
import { silentLogger } from '@millrace/std'
import { expect, it } from 'vitest'

it.each<[string, () => OpenRetrieval]>([
  ['polling', polling],
  ['fan-out', fanOut],
])('is told by %s what it may have lost', async (_, retrieval) => {
  await using kit = await startTestServer({ createStreams: [{ name: 'orders', shards: 1 }] })
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  // Answers have the machine's time, whatever the kit's clock shows.
  class ClientOfKit extends KinesisClient {
    override serviceTimeMs(): number {
      return kit.clock.now()
    }
  }
  const client = new ClientOfKit({ endpoint: kit.endpoint, region: 'us-east-1', credentials })
  const put = (text: string) => client.putRecord({ StreamName: 'orders', PartitionKey: 'ada', Data: Buffer.from(text) })
  const leases = new MemoryLeases()
  const warned: unknown[] = []
  const expired: WorkerEvent[] = []

  /** Until it has processed a record. */
  const process = async (): Promise<string> => {
    const worker = new Worker({
      client,
      application: 'billing',
      stream: 'orders',
      leases: leases.open(),
      retrieval: retrieval(),
      logger: { ...silentLogger, warn: (message, fields) => void warned.push({ message, ...fields }) },
      onEvent: (event) => void (event.kind === 'checkpoint-expired' && expired.push(event)),
    })
    for await (const batch of worker.batches()) {
      await batch.checkpoint()
      return String(Buffer.from(batch.records[0]?.data ?? []))
    }
    throw new Error('the loop over batches ended')
  }

  await put('processed')
  expect(await process()).toBe('processed')
  await kit.clock.advance('10h')
  await put('lost')
  expect([warned, expired]).toEqual([[], []])
  await kit.clock.advance('11h')
  await put('left')
  await kit.clock.advance('23h')
  expect(await process()).toBe('left')
  expect(expired).toMatchObject([{ stream: 'orders', shardId: 'shardId-000000000000', isLikely: true }])
  expect(warned).toMatchObject([{ message: expect.stringContaining('may have been lost'), stream: 'orders' }])
  await client.close()
})
