import { type AttributeValue, DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb' // prettier-ignore
import { type Clock, systemClock, type Timer } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resetApplication } from '../../administration/reset-application.ts'
import type { StreamService } from '../../service.ts'
import { type Dynalite, startDynalite } from '../../testing/dynalite.ts'
import { SimulatedStream } from '../../testing/simulated-stream.ts'
import { ofStreams } from '../../testing/worker-bench.ts'
import { leaseAdministrationContract } from '../lease-administration.contract.ts'
import { DynamoApplications } from './dynamo-applications.ts'
import { DynamoLeaseStore } from './dynamo-lease-store.ts'
import { ensureTable } from './tables.ts'

let server: Dynalite
let client: DynamoDBClient
let tables = 0
const never = new AbortController().signal
const createdAtMs = 1_700_000_000_000
const service = {
  describeStreamSummary: async () => ({ StreamDescriptionSummary: { StreamCreationTimestamp: createdAtMs } }),
} as unknown as StreamService

beforeAll(async () => {
  server = await startDynalite()
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  client = new DynamoDBClient({ endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

/** Whoever waits finds the time passed, and `meanwhile` done: however long that takes. */
class WaitedClock implements Clock {
  #nowMs = 0
  /** Between two looks. */
  meanwhile: () => Promise<unknown> = async () => undefined

  now(): number {
    return createdAtMs + this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    let isCancelled = false
    void this.meanwhile().then(() => {
      this.#nowMs += delayMs
      if (!isCancelled) callback()
    })
    return { cancel: () => void (isCancelled = true) }
  }
}

const openTable = async () => {
  const table = `administered-${tables++}`
  const store = new DynamoLeaseStore({ client, table, keys: { account: '000000000000' }, kcl: 'none' })
  return { name: table, administration: new DynamoApplications({ client, table, service }), store }
}
leaseAdministrationContract('DynamoDB', openTable, '111122223333:orders')

describe('a KCL’s application in DynamoDB, looked after', () => {
  const shard = (i: number) => `shardId-00000000000${i}`
  const key = (i: number) => `orders:${createdAtMs / 1000}:${shard(i)}`
  const item = (i: number, more: Record<string, AttributeValue> = {}): Record<string, AttributeValue> => ({
    leaseKey: { S: shard(i) },
    leaseOwner: { S: 'java' },
    leaseCounter: { N: '41' },
    checkpoint: { S: '77' },
    checkpointSubSequenceNumber: { N: '3' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    ...more,
  })

  /** A table as a KCL makes it, with two leases and the lock of its leader. */
  async function setUp(stream: string | undefined) {
    const table = `kcl-${tables++}`
    await ensureTable(client, table, 'leaseKey', systemClock, never)
    const leader = { leaseKey: { S: 'Leader:of:it' }, entityType: { S: 'LEADER' } }
    for (const Item of [leader, item(0), item(1, { leaseOwner: { S: 'java-2' } })])
      await client.send(new PutItemCommand({ TableName: table, Item }))
    const clock = new WaitedClock()
    const applications = new DynamoApplications({ client, table, service, stream, clock })
    const renew = (i: number, counter: number) =>
      client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { leaseKey: { S: shard(i) } },
          UpdateExpression: 'SET leaseCounter = :next',
          ConditionExpression: 'leaseCounter = :counter',
          ExpressionAttributeValues: { ':counter': { N: String(counter) }, ':next': { N: String(counter + 1) } },
        }),
      )
    const read = async (i: number) => (await client.send(new GetItemCommand({ TableName: table, Key: { leaseKey: { S: shard(i) } } }))).Item // prettier-ignore
    return { table, applications, clock, renew, read }
  }

  it('shows who lives: whose leases move', async () => {
    const { table, applications, clock, renew } = await setUp('orders')
    let counter = 41
    clock.meanwhile = () => renew(0, counter++)
    const { leases, workers } = await applications.describe(table, never)
    expect(leases).toMatchObject([
      { key: key(0), owner: 'java', checkpoint: { sequenceNumber: '77', subSequenceNumber: 3 } },
      { key: key(1), owner: 'java-2' },
    ])
    expect(workers).toEqual([{ worker: 'java', capacity: 1 }])
  })

  it('takes a lease that is moved from its owner, so that no renewal is taken for one whose answer was lost', async () => {
    const { table, applications, renew, read } = await setUp('orders')
    const [lease] = await applications.leases(table, never)
    const epoch = lease?.epoch ?? 0
    await renew(0, 41)
    const change = { checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 }, epoch: epoch + 1 }
    const [conflict] = await applications.update(table, [{ key: key(0), epoch, change }], never)
    expect(conflict).toMatchObject({ outcome: 'conflict', lease: { epoch: epoch + 1 } })
    const again = { key: key(0), epoch: epoch + 1, change: { ...change, epoch: epoch + 2 } }
    expect(await applications.update(table, [again], never)).toMatchObject([{ outcome: 'updated' }])
    // The KCL reads the item after a renewal that failed: itself as the owner and its counter and one would be its own.
    await expect(renew(0, 42)).rejects.toThrow('The conditional request failed')
    const { leaseOwner: _, ...rest } = item(0, { leaseCounter: { N: '43' }, checkpoint: { S: '5' }, checkpointSubSequenceNumber: { N: '0' } }) // prettier-ignore
    expect(await read(0)).toEqual(rest)
  })

  it('is left without a table of ours', async () => {
    const { table, applications } = await setUp('orders')
    await applications.list(never)
    const [{ epoch = 0 } = {}] = await applications.leases(table, never)
    await applications.update(table, [{ key: key(0), epoch, change: { paused: true } }], never)
    const { TableNames = [] } = await client.send(new ListTablesCommand({ ExclusiveStartTableName: table, Limit: 1 }))
    expect(TableNames).not.toContain(`${table}-MillraceWorkers`)
  })

  it('needs to be told the stream of its short keys, and says so', async () => {
    const { table, applications } = await setUp(undefined)
    const expected = {
      code: 'invalid',
      message: `The keys of ${table} are shard ids of a stream that it does not name: say which, as stream.`,
    }
    await expect(applications.leases(table, never)).rejects.toMatchObject(expected)
  })

  it('tells the account of each stream, whoever asks', async () => {
    const table = `kcl-${tables++}`
    await ensureTable(client, table, 'leaseKey', systemClock, never)
    const applications = (): DynamoApplications => new DynamoApplications({ client, table, service })
    const keyOf = (account: string) => ({ leaseKey: { S: `${account}:orders:1700000000:${shard(0)}` } })
    const streams = async () => (await applications().leases(table, never)).map(({ stream }) => stream)
    await client.send(new PutItemCommand({ TableName: table, Item: item(0, keyOf('000000000000')) }))
    expect(await streams()).toEqual(['000000000000:orders'])
    await client.send(new PutItemCommand({ TableName: table, Item: item(0, keyOf('111122223333')) }))
    expect(await streams()).toEqual(['000000000000:orders', '111122223333:orders'])
  })

  it('is reset by the stream of its account, not by one of the name in the caller’s', async () => {
    const table = `kcl-${tables++}`
    await ensureTable(client, table, 'leaseKey', systemClock, never)
    const clock = new VirtualClock()
    const theirs = new SimulatedStream('orders', 1, clock, { account: '111122223333' })
    const own = new SimulatedStream('orders', 3, clock)
    const keyOf = (id: string) => `111122223333:orders:${Math.floor(theirs.createdAtMs / 1000)}:${id}`
    await client.send(new PutItemCommand({ TableName: table, Item: item(0, { leaseKey: { S: keyOf(shard(0)) } }) }))
    const streams = { ...ofStreams(own, theirs), region: 'us-east-1' }
    const administration = new DynamoApplications({ client, table, service: streams })
    expect(await resetApplication({ administration, application: table, to: 'oldest', service: streams })).toBe(1)
    expect((await administration.leases(table, never)).map((lease) => lease.key)).toEqual([keyOf(shard(0))])
  })

  it('has the stream of its short keys called by its ARN, where it was told that', async () => {
    const { table, applications } = await setUp('arn:aws:kinesis:us-east-1:111122223333:stream/orders')
    const leases = await applications.leases(table, never)
    expect(leases.map((lease) => lease.stream)).toEqual(['111122223333:orders', '111122223333:orders'])
  })

  it('is not there without its table', async () => {
    const applications = new DynamoApplications({ client, table: 'nowhere', service })
    expect(await applications.list(never)).toEqual([])
    await expect(applications.leases('nowhere', never)).rejects.toMatchObject({ code: 'not-found' })
  })
})
