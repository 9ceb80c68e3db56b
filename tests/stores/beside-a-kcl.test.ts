/** Workers of ours and of a KCL on one table, in real time: the KCL's are an imitation of what they do to their leases. */
import { once } from 'node:events'
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { StreamService } from '@millrace/consumer'
import { DynamoLeaseStore } from '@millrace/consumer/dynamodb'
import { silentLogger, sleep, systemClock, systemRandom, withAnySignal } from '@millrace/std'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LeaseCoordinator } from '../../packages/consumer/src/leases/lease-coordinator.ts'
import { type Dynalite, startDynalite } from '../../packages/consumer/src/testing/dynalite.ts'

let server: Dynalite
let client: DynamoDBClient
beforeAll(async () => {
  server = await startDynalite()
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  client = new DynamoDBClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

const FAILOVER_MS = 3_000
const shards = Array.from({ length: 6 }, (_, i) => `shardId-00000000000${i}`)
const service = {
  describeStreamSummary: async () => ({ StreamDescriptionSummary: { StreamCreationTimestamp: 1_700_000_000_000 } }),
} as unknown as StreamService

type Change = readonly [update: string, condition: string, values: Record<string, AttributeValue>]

/** A worker of KCL 3: renews what it holds, and gives over what is asked for (CLIENTS.md §1.6). KCL 2: knows no wish. */
class KclWorker {
  readonly held = new Map<string, number>(shards.map((shard) => [shard, 0]))
  readonly #table: string
  readonly #knowsHandover: boolean
  readonly #dead = new AbortController()
  readonly done: Promise<void>

  constructor(table: string, knowsHandover: boolean) {
    this.#table = table
    this.#knowsHandover = knowsHandover
    this.done = this.#run()
  }

  kill(): Promise<void> {
    this.#dead.abort()
    return this.done
  }

  async #run(): Promise<void> {
    while (!this.#dead.signal.aborted) {
      for (const [shard, counter] of this.held) await this.#renew(shard, counter)
      await sleep(systemClock, FAILOVER_MS / 3, this.#dead.signal).catch(() => undefined)
    }
  }

  async #renew(shard: string, counter: number): Promise<void> {
    const values = { ':c': { N: String(counter) }, ':next': { N: String(counter + 1) } }
    const handover = this.#knowsHandover ? ' AND attribute_not_exists(checkpointOwner)' : ''
    if (await this.#update(shard, ['SET leaseCounter = :next', `leaseCounter = :c${handover}`, values])) {
      this.held.set(shard, counter + 1)
      return
    }
    this.held.delete(shard)
    const key = { leaseKey: { S: shard } }
    const { Item } = await client.send(new GetItemCommand({ TableName: this.#table, Key: key, ConsistentRead: true }))
    if (Item?.['checkpointOwner']?.S !== 'java') return
    const over = 'SET leaseCounter = :next REMOVE checkpointOwner'
    await this.#update(shard, [over, 'leaseCounter = :c', values])
  }

  async #update(shard: string, [update, condition, values]: Change): Promise<boolean> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: { leaseKey: { S: shard } },
      UpdateExpression: update,
      ConditionExpression: condition,
      ExpressionAttributeValues: values,
    })
    try {
      await client.send(command)
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }
}

it.each(['3.x', '2.x'] as const)('shares the leases of a KCL %s, and takes them all when it dies', async (kcl) => {
  const table = `leases-${kcl}`
  const keys = { stream: 'orders', service }
  const store = new DynamoLeaseStore({ client, table, keys, kcl, kclFailoverMs: FAILOVER_MS })
  // Makes the tables.
  const never = new AbortController().signal
  await store.create([], never)
  for (const shard of shards) {
    const Item = {
      leaseKey: { S: shard },
      leaseOwner: { S: 'java' },
      leaseCounter: { N: '0' },
      checkpoint: { S: 'TRIM_HORIZON' },
      checkpointSubSequenceNumber: { N: '0' },
      ownerSwitchesSinceCheckpoint: { N: '0' },
    }
    await client.send(new PutItemCommand({ TableName: table, Item }))
  }
  const java = new KclWorker(table, kcl === '3.x')
  let beats = 0
  const coordinator = new LeaseCoordinator({
    worker: 'ours',
    store,
    consume: async ({ lost, release }) => {
      await withAnySignal([lost, release], (signal) => once(signal, 'abort'))
      return lost.aborted ? 'lost' : 'released'
    },
    balance: 'count',
    leasesMax: Infinity,
    capacity: 1,
    ttlMs: 2_000,
    beatMs: 300,
    handoverMs: 1_000,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onBeat: () => beats++,
  })
  const running = coordinator.run()
  const until = async (what: () => boolean) => {
    for (const from = beats; !what();) {
      expect(beats - from, 'beats until it came').toBeLessThan(100)
      await sleep(systemClock, 50)
    }
  }
  await until(() => coordinator.held.length === 3 && java.held.size === 3)
  // And stays so: what the KCL renews is not taken.
  const from = beats
  await until(() => beats > from + 15)
  expect([coordinator.held.length, java.held.size]).toEqual([3, 3])
  const ours = coordinator.held.map((key) => key.split(':')[2])
  expect(ours.filter((shard) => java.held.has(shard ?? ''))).toEqual([])

  const killedAtMs = systemClock.monotonic()
  await java.kill()
  await until(() => coordinator.held.length === 6)
  console.log(`KCL ${kcl}: its leases were taken ${Math.round(systemClock.monotonic() - killedAtMs)} ms after it died`)
  await coordinator.stop(1_000)
  await running
  for (const shard of shards) {
    const key = { leaseKey: { S: shard } }
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }))
    expect(Item?.['leaseOwner']).toBeUndefined()
  }
  await store[Symbol.asyncDispose]()
})
