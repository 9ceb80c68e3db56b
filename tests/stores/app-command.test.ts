/** `millrace app` on leases in a table of DynamoDB, in a real PostgreSQL and in a real Redis, while workers run. */
import { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { KinesisClient } from '@millrace/client'
import { type LeaseStore, Worker } from '@millrace/consumer'
import { DynamoLeaseStore } from '@millrace/consumer/dynamodb'
import { PostgresLeaseStore } from '@millrace/consumer/postgres'
import { RedisLeaseStore } from '@millrace/consumer/redis'
import { startServer } from '@millrace/server'
import { sleep, systemClock } from '@millrace/std'
import pg from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '../../packages/cli/src/program.ts'
import { MemoryShell } from '../../packages/cli/src/testing/memory-shell.ts'
import { ensureTable } from '../../packages/consumer/src/leases/dynamodb/tables.ts'
import { type Dynalite, startDynalite } from '../../packages/consumer/src/testing/dynalite.ts'
import { type Postgres, postgresBinaries, startPostgres } from './support/postgres.ts'
import { type Redis, redisBinary, startRedis } from './support/redis.ts'

const RECORDS = 10
const never = new AbortController().signal
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const binaries = await postgresBinaries()
const binary = redisBinary()
let server: Awaited<ReturnType<typeof startServer>>
let client: KinesisClient
let dynalite: Dynalite
let dynamo: DynamoDBClient
let postgres: Postgres | undefined
let pool: pg.Pool | undefined
let redis: Redis | undefined
let cache: ReturnType<typeof createClient> | undefined

beforeAll(async () => {
  server = await startServer({ port: 0, dataDir: ':memory:', shardLimits: 'off' })
  client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
  await client.createStream({ StreamName: 'orders', ShardCount: 2 })
  for (let i = 0; i < RECORDS; i++)
    await client.putRecord({ StreamName: 'orders', PartitionKey: `key-${i}`, Data: new Uint8Array([i]) })
  dynalite = await startDynalite()
  dynamo = new DynamoDBClient({ endpoint: dynalite.endpoint, region: 'us-east-1', credentials })
  if (binaries !== undefined) {
    postgres = await startPostgres(binaries)
    pool = new pg.Pool({ host: postgres.host, user: 'millrace', database: 'postgres' })
  }
  if (binary === undefined) return
  redis = await startRedis(binary)
  cache = createClient({ url: redisAddress() })
  await cache.connect()
})
afterAll(async () => {
  dynamo?.destroy()
  await dynalite?.stop()
  await pool?.end()
  await postgres?.stop()
  cache?.destroy()
  await redis?.stop()
  await client?.close()
  await server?.close()
})

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { AWS_ENDPOINT_URL_KINESIS: server.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
  const shell = new MemoryShell({ clock: systemClock, env })
  const code = await runProgram(['app', ...words], shell)
  return { code, out: shell.out, err: shell.err }
}
async function json(...words: readonly string[]): Promise<unknown> {
  const { code, out, err } = await run(...words, '--json')
  expect([code, err]).toEqual([0, expect.stringContaining('leases in') as string])
  return JSON.parse(out)
}

const dynamoAddress = (table: string) => `dynamodb://us-east-1/${table}?endpoint=${dynalite.endpoint}`
const postgresAddress = () => `postgres:///postgres?host=${postgres?.host}&user=millrace`
const redisAddress = () => `redis://127.0.0.1:${redis?.port}`
const stores: readonly (readonly [
  name: string,
  address: (app: string) => string,
  open: (app: string) => LeaseStore,
])[] = [
  [
    'DynamoDB',
    dynamoAddress,
    (table) => new DynamoLeaseStore({ client: dynamo, table, keys: { account: '000000000000' }, kcl: 'none' }),
  ],
  ...(binaries === undefined ? [] : [[
    'PostgreSQL',
    postgresAddress,
    (application: string) => new PostgresLeaseStore({ pool: pool as pg.Pool, application }),
  ] as const]), // prettier-ignore
  ...(binary === undefined ? [] : [[
    'Redis',
    () => `${redisAddress()}/an%20app`,
    (application: string) => new RedisLeaseStore({ client: cache as NonNullable<typeof cache>, application, prefix: 'an app' }),
  ] as const]), // prettier-ignore
]

describe.each(stores)('millrace app on leases in %s', (name, address, open) => {
  it('looks after a fleet that runs', async () => {
    const application = `app-${name}`
    const store = ['--store', address(application)]
    const leases = open(application)
    const seen: number[] = []
    const worker = new Worker({ client, application, stream: 'orders', leases, workerId: 'w1', beatMs: 200 })
    const running = worker.each(({ data }) => void seen.push(data[0] ?? -1), { checkpoint: { everyMs: 100 } })
    await expect.poll(() => seen.length).toBe(RECORDS)

    expect(await json('list', ...store)).toMatchObject({ items: [{ name: application, leases: 2, workers: 1 }] })
    const stream = leases.account === undefined ? 'orders' : `${leases.account}:orders`
    const held = { stream, owner: 'w1', state: 'held' }
    expect(await json('describe', application, ...store)).toMatchObject({ workers: [{ worker: 'w1' }], leases: [held, held] }) // prettier-ignore
    await expect.poll(() => json('lag', application, ...store)).toMatchObject({ items: [{ lagMs: 0 }, { lagMs: 0 }] })

    expect(await json('reset', application, '--to', 'trim-horizon', ...store)).toMatchObject({ leases: 2 })
    await expect.poll(() => seen.length).toBe(2 * RECORDS)
    expect(new Set(seen).size).toBe(RECORDS)

    await json('pause', application, ...store)
    await expect.poll(() => worker.held).toEqual([])
    expect(await json('seek', application, '--shard', '0', '--to', 'latest', ...store)).toMatchObject({ leases: 1 })
    await json('resume', application, ...store)
    await expect.poll(() => worker.held.length).toBe(2)
    await worker.stop()
    await running
    await leases[Symbol.asyncDispose]()
    // What came in the minute before the latest may come again: clocks differ.
    expect(seen.length).toBeLessThanOrEqual(3 * RECORDS)
    expect(new Set(seen).size).toBe(RECORDS)
    expect(await json('delete', application, '--yes', ...store)).toEqual({ name: application, leases: 2, deleted: true }) // prettier-ignore
    const left = await run('describe', application, '--json', ...store)
    expect(left.code === 0 ? (JSON.parse(left.out) as { leases: unknown }).leases : left.code).toEqual(name === 'DynamoDB' ? [] : 3) // prettier-ignore
  })

  it('says what is not there', async () => {
    expect(await run('describe', 'nobody', '--store', address('nobody'))).toMatchObject({
      code: 3,
      err: expect.stringContaining('found none.\n  see what there is with: millrace app list') as string,
    })
  })
})

it('looks at a KCL’s application, and moves a lease under its worker', async () => {
  const table = 'kcl-app'
  const shards = [0, 1].map((i) => `shardId-00000000000${i}`)
  await ensureTable(dynamo, table, 'leaseKey', systemClock, never)
  for (const shard of shards)
    await dynamo.send(
      new PutItemCommand({
        TableName: table,
        Item: { leaseKey: { S: shard }, leaseOwner: { S: 'java' }, leaseCounter: { N: '0' }, checkpoint: { S: 'TRIM_HORIZON' }, checkpointSubSequenceNumber: { N: '0' }, ownerSwitchesSinceCheckpoint: { N: '0' } }, // prettier-ignore
      }),
    )
  const over = new AbortController()
  const held = new Set(shards)
  /** The KCL takes what looks like its own renewal for one whose answer was lost (DynamoDBLeaseRefresher, in 1, 2 and 3). */
  const loseUnlessOwn = async (shard: string, counter: number) => {
    const read = new GetItemCommand({ TableName: table, Key: { leaseKey: { S: shard } }, ConsistentRead: true })
    const { Item } = await dynamo.send(read)
    if (Item?.['leaseOwner']?.S !== 'java' || Item['leaseCounter']?.N !== String(counter + 1)) held.delete(shard)
  }
  // A KCL's renewals, only quicker.
  const renewing = (async () => {
    for (let counter = 0; !over.signal.aborted; counter++)
      for (const shard of held) {
        const renewed = new UpdateItemCommand({
          TableName: table,
          Key: { leaseKey: { S: shard } },
          UpdateExpression: 'SET leaseCounter = :next',
          ConditionExpression: 'leaseCounter = :counter',
          ExpressionAttributeValues: { ':counter': { N: String(counter) }, ':next': { N: String(counter + 1) } },
        })
        await dynamo.send(renewed).catch(() => loseUnlessOwn(shard, counter))
        await sleep(systemClock, 50, over.signal).catch(() => undefined)
      }
  })()
  const store = ['--store', dynamoAddress(table), '--stream', 'orders']
  try {
    expect(await run('describe', '--store', dynamoAddress(table))).toMatchObject({ code: 1, err: expect.stringContaining('say which') as string }) // prettier-ignore
    expect(await json('describe', ...store)).toMatchObject({
      name: table,
      workers: [{ worker: 'java' }],
      leases: [{ owner: 'java', state: 'held', sequenceNumber: 'TRIM_HORIZON' }, { state: 'held' }],
    })
    expect(await json('lag', ...store)).toMatchObject({ items: [{ lagMs: expect.any(Number) as number }, {}] })
    expect(await json('seek', '--shard', '0', '--to', 'latest', ...store)).toMatchObject({ name: table, leases: 1 })
    await expect.poll(() => [...held]).toEqual([shards[1]])
    const leases = [{ state: 'free', sequenceNumber: 'LATEST' }, { state: 'held' }]
    expect(await json('describe', table, ...store)).toMatchObject({ leases })
  } finally {
    over.abort()
    await renewing
  }
})

it('says at once that a Redis is away', async () => {
  const { code, err } = await run('list', '--store', 'redis://127.0.0.1:1')
  expect([code, err]).toEqual([7, expect.stringContaining('ECONNREFUSED') as string])
})
