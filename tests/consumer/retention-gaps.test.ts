/** Workers that do not keep up with the retention, against a service whose clock is moved on. */
import { KinesisClient } from '@millrace/client'
import { fanOut, type InitialPosition, MemoryLeases, type OpenRetrieval, polling, Worker, type WorkerEvent } from '@millrace/consumer' // prettier-ignore
import { startTestServer } from '@millrace/server/testing'
import { deferred, silentLogger } from '@millrace/std'
import { expect, it } from 'vitest'

async function setUp() {
  const kit = await startTestServer({ createStreams: [{ name: 'orders', shards: 1 }] })
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
  const gaps: WorkerEvent[] = []
  const workerOf = (
    retrieval: OpenRetrieval,
    initialPosition: InitialPosition,
    onEvent?: (event: WorkerEvent) => void,
  ) =>
    new Worker({
      client,
      application: 'billing',
      stream: 'orders',
      leases: leases.open(),
      initialPosition,
      retrieval,
      prefetch: { batchesMax: 1 },
      logger: { ...silentLogger, warn: (message, fields) => void warned.push({ message, ...fields }) },
      onEvent: (event) => {
        if (event.kind === 'retention-gap') gaps.push(event)
        onEvent?.(event)
      },
    })
  /** Nothing is read meanwhile: one record is lost, and one is left. */
  const lose = async (): Promise<void> => {
    await kit.clock.advance('10h')
    await put('lost')
    expect([warned, gaps]).toEqual([[], []])
    await kit.clock.advance('11h')
    await put('left')
    await kit.clock.advance('23h')
  }
  const expectTold = (): void => {
    expect(gaps).toMatchObject([{ stream: 'orders', shardId: 'shardId-000000000000', isLikely: true }])
    expect(warned).toMatchObject([{ message: expect.stringContaining('may have been lost'), stream: 'orders' }])
  }
  const close = async (): Promise<void> => {
    await client.close()
    await kit[Symbol.asyncDispose]()
  }
  return { put, workerOf, lose, expectTold, [Symbol.asyncDispose]: close }
}

const textOf = (data: Uint8Array | undefined): string => String(Buffer.from(data ?? []))

/** Until the worker has a record, which is checkpointed. */
async function nextOf(worker: Worker): Promise<string> {
  for await (const batch of worker.batches()) {
    await batch.checkpoint()
    return textOf(batch.records[0]?.data)
  }
  throw new Error('the loop over batches ended')
}

it.each<[string, () => OpenRetrieval]>([
  ['polling', polling],
  ['fan-out', fanOut],
])('a fleet that was away is told by %s what it may have lost', async (_, retrieval) => {
  await using world = await setUp()
  await world.put('processed')
  expect(await nextOf(world.workerOf(retrieval(), 'oldest'))).toBe('processed')
  await world.lose()
  expect(await nextOf(world.workerOf(retrieval(), 'oldest'))).toBe('left')
  world.expectTold()
})

it('so is one that had begun at LATEST and had nothing to checkpoint', async () => {
  await using world = await setUp()
  const atTip = deferred<void>()
  const worker = world.workerOf(polling(), 'latest', ({ kind }) => void (kind === 'read' && atTip.resolve()))
  const running = worker.run(() => ({ processRecords: () => {} }))
  await atTip.promise
  await worker.stop()
  await running
  await world.lose()
  expect(await nextOf(world.workerOf(polling(), 'latest'))).toBe('left')
  world.expectTold()
})

it('so is a worker whose processor holds its shard up', async () => {
  await using world = await setUp()
  const [inHand, ahead, release, left] = [deferred<void>(), deferred<void>(), deferred<void>(), deferred<void>()]
  let read = 0
  const worker = world.workerOf(polling(), 'oldest', (event) => {
    if (event.kind === 'read' && event.records > 0 && ++read === 2) ahead.resolve()
  })
  const running = worker.run(() => ({
    async processRecords({ records }) {
      inHand.resolve()
      await release.promise
      if (records.some(({ data }) => textOf(data) === 'left')) left.resolve()
    },
  }))
  await world.put('in hand')
  await inHand.promise
  // Nothing is read behind it, as it has no room.
  await world.put('ahead')
  await ahead.promise
  await world.lose()
  release.resolve()
  await left.promise
  world.expectTold()
  await worker.stop()
  await running
})
