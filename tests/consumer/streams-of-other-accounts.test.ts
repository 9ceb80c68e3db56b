/** Streams that another account shares by policies of theirs, read by their ARNs beside one of the same name, against a service. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KinesisClient } from '@millrace/client'
import { fanOut, type OpenRetrieval, polling, Worker, type WorkerEvent } from '@millrace/consumer'
import { type RunningServer, startServer } from '@millrace/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const OWNER = '111122223333'
const PARTNER = '444455556666'
const ORDERS = `arn:aws:kinesis:us-east-1:${OWNER}:stream/orders`

const credentials = `
accessKeys:
  - { accessKeyId: OWNER, secretAccessKey: s, account: "${OWNER}", user: owner, policies: [everything] }
  - { accessKeyId: PARTNER, secretAccessKey: s, account: "${PARTNER}", user: partner, policies: [everything] }
policies:
  everything:
    Version: "2012-10-17"
    Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
`

describe('a stream of another account', () => {
  let folder: string
  let server: RunningServer
  let owner: KinesisClient
  let partner: KinesisClient

  const clientOf = (accessKeyId: string): KinesisClient =>
    new KinesisClient({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey: 's' },
    })
  const put = (client: KinesisClient, text: string) =>
    client.putRecord({ StreamName: 'orders', PartitionKey: 'ada', Data: Buffer.from(text) })
  const share = (ResourceARN: string, ...actions: readonly string[]) => {
    const Action = actions.map((action) => `kinesis:${action}`)
    const Statement = [{ Effect: 'Allow', Principal: { AWS: PARTNER }, Action, Resource: ResourceARN }]
    return owner.putResourcePolicy({ ResourceARN, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-accounts-'))
    const file = join(folder, 'credentials.yaml')
    await writeFile(file, credentials)
    server = await startServer({ port: 0, dataDir: ':memory:', auth: 'iam', credentials: file })
    owner = clientOf('OWNER')
    partner = clientOf('PARTNER')
    for (const client of [owner, partner]) await client.createStream({ StreamName: 'orders', ShardCount: 2 })
    await put(owner, 'theirs')
    await put(partner, 'ours')
  })
  afterAll(async () => {
    await Promise.all([owner, partner].map((client) => client.close()))
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('is not read without a policy of theirs', async () => {
    const errors: unknown[] = []
    const onEvent = (event: WorkerEvent): void => void (event.kind === 'shard-sync' && errors.push(event.error))
    const worker = new Worker({ client: partner, application: 'early', stream: ORDERS, onEvent })
    const running = worker.run(() => ({ processRecords() {} }))
    await expect.poll(() => String(errors[0])).toContain('no resource-based policy allows the kinesis:Describe')
    await worker.stop()
    await running
  })

  it.each<[string, () => OpenRetrieval, () => Promise<unknown>]>([
    ['polling', polling, () => share(ORDERS, 'DescribeStreamSummary', 'ListShards', 'GetShardIterator', 'GetRecords')],
    [
      'fan-out',
      fanOut,
      async () => {
        await share(ORDERS, 'DescribeStreamSummary', 'ListShards')
        const { Consumer } = await owner.registerStreamConsumer({ StreamARN: ORDERS, ConsumerName: 'by-fan-out' })
        await share(Consumer.ConsumerARN, 'DescribeStreamConsumer', 'SubscribeToShard')
      },
    ],
  ])('is read by %s, beside one of its name', async (name, retrieval, allow) => {
    await allow()
    const seen: string[] = []
    const worker = new Worker({
      client: partner,
      application: `by-${name}`,
      stream: ['orders', ORDERS],
      retrieval: retrieval(),
    })
    const running = worker.each(
      ({ data }, { stream }) => void seen.push(`${Buffer.from(data).toString()} in ${stream}`),
    )
    const ours = 'ours in orders'
    const theirs = `theirs in ${OWNER}:orders`
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(expect.arrayContaining([ours, theirs]))
    expect(worker.held.filter((key) => key.startsWith(`${OWNER}:orders:`))).toHaveLength(2)
    expect(worker.held.filter((key) => key.startsWith('orders:'))).toHaveLength(2)
    await put(owner, `more for ${name}`)
    await expect.poll(() => seen).toContain(`more for ${name} in ${OWNER}:orders`)
    await worker.stop()
    await running
    expect(seen.filter((text) => text.startsWith('ours'))).toEqual([ours])
  })
})
