import {
  type AttributeValue,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TRIM_HORIZON } from '../../extended-sequence-number.ts'
import type { StreamService } from '../../service.ts'
import { type Dynalite, startDynalite } from '../../testing/dynalite.ts'
import { leaseStoreContract, newLeaseOf } from '../lease-store.contract.ts'
import type { LeaseNews } from '../lease-store.ts'
import type { Lease } from '../lease.ts'
import { DynamoLeaseStore } from './dynamo-lease-store.ts'
import type { DynamoLeaseStoreOptions } from './options.ts'

let server: Dynalite
let client: DynamoDBClient
let tables = 0
const never = new AbortController().signal

beforeAll(async () => {
  server = await startDynalite()
  client = new DynamoDBClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
})

afterAll(async () => {
  client.destroy()
  await server.stop()
})

/** The real one, which jumps when it is told to, and waits for tables that are being made only for an instant. */
class JumpingClock implements Clock {
  #aheadMs = 0
  now = (): number => systemClock.now()
  monotonic = (): number => systemClock.monotonic() + this.#aheadMs
  setTimer: Clock['setTimer'] = (delayMs, callback, options) =>
    systemClock.setTimer(delayMs > 1_000 ? delayMs : 10, callback, options)
  jump(ms: number): void {
    this.#aheadMs += ms
  }
}

for (const [name, more] of [
  ['alone', { kcl: 'none' }],
  ['beside a KCL 3', {}],
] as const)
  leaseStoreContract(`DynamoDB, ${name}`, () => ({
    ttlMs: 60_000,
    tellsLoads: false,
    tellsChanges: false,
    async application() {
      const clock = new JumpingClock()
      const options = { table: `leases-${tables++}`, keys: { account: '000000000000' }, clock, ...more }
      return {
        open: async () => new DynamoLeaseStore({ client, ...options }),
        elapse: async (ms) => clock.jump(ms),
      }
    },
  }))

describe('a lease table in DynamoDB', () => {
  const createdAtMs = 1_700_000_000_000
  const described: unknown[] = []
  const service = {
    describeStreamSummary: async (input: unknown) => {
      described.push(input)
      return { StreamDescriptionSummary: { StreamCreationTimestamp: createdAtMs } }
    },
  } as unknown as StreamService
  const shard = (i: number) => `shardId-00000000000${i}`

  /** A table as a KCL has it, and a worker of ours. */
  async function setUp(more: Partial<DynamoLeaseStoreOptions> = {}) {
    const clock = new JumpingClock()
    const table = `leases-${tables++}`
    const keys = { stream: 'orders', service }
    const store = new DynamoLeaseStore({ client, table, keys, clock, ...more })
    const beat = (held: readonly Lease[] = [], cursor?: string): Promise<LeaseNews> =>
      store.beat({ worker: 'ours', ttlMs: 60_000, waitMs: 0, held, capacity: 1, cursor }, never)
    await beat()
    return {
      clock,
      store,
      beat,
      put: (item: Record<string, AttributeValue>) => client.send(new PutItemCommand({ TableName: table, Item: item })),
      read: async (leaseKey: string) =>
        (await client.send(new GetItemCommand({ TableName: table, Key: { leaseKey: { S: leaseKey } } }))).Item,
      /** A worker of the KCL renews, checkpoints or evicts. */
      kcl: (leaseKey: string, expression: string, values: Record<string, AttributeValue> = {}, condition?: string) =>
        client.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { leaseKey: { S: leaseKey } },
            UpdateExpression: expression,
            ExpressionAttributeValues: values,
            ConditionExpression: condition,
          }),
        ),
      all: async () => (await client.send(new ScanCommand({ TableName: table }))).Items ?? [],
    }
  }

  /** As KCL 2.x writes a lease that it holds. */
  const kclItem = (i: number, more: Record<string, AttributeValue> = {}): Record<string, AttributeValue> => ({
    leaseKey: { S: shard(i) },
    leaseOwner: { S: 'java' },
    leaseCounter: { N: '41' },
    checkpoint: { S: '49590338271490256608559692538361571095921575989136588898' },
    checkpointSubSequenceNumber: { N: '3' },
    ownerSwitchesSinceCheckpoint: { N: '2' },
    startingHashKey: { S: '0' },
    endingHashKey: { S: '340282366920938463463374607431768211455' },
    ...more,
  })
  const renew = ['ADD leaseCounter :one', { ':one': { N: '1' } }] as const

  it('reads what KCL 2 and 3 write, and leaves alone what is no lease', async () => {
    const { beat, put } = await setUp()
    await put(kclItem(0))
    await put(
      kclItem(1, {
        entityType: { S: 'LEASE' },
        leaseOwner: { S: 'java-2' },
        checkpointOwner: { S: 'java' },
        parentShardId: { SS: [shard(8), shard(7)] },
        childShardIds: { SS: [shard(9)] },
        pendingCheckpoint: { S: 'TRIM_HORIZON' },
        pendingCheckpointSubSequenceNumber: { N: '0' },
        pendingCheckpointState: { B: new Uint8Array([1, 2]) },
        throughputKBps: { N: '12.5' },
      }),
    )
    await put({ leaseKey: { S: 'Leader' }, entityType: { S: 'LEADER' }, rvn: { S: 'x' } })
    const { leases, workers } = await beat()
    const checkpoint = {
      sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
      subSequenceNumber: 3,
    }
    const hashKeyRange = { starting: '0', ending: '340282366920938463463374607431768211455' }
    expect(leases.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
      { key: `orders:1700000000:${shard(0)}`, owner: 'java', checkpoint, ownerSwitches: 2, parents: [], hashKeyRange },
      {
        key: `orders:1700000000:${shard(1)}`,
        owner: 'java',
        heir: 'java-2',
        parents: [shard(7), shard(8)],
        children: [shard(9)],
        pending: { checkpoint: TRIM_HORIZON, state: new Uint8Array([1, 2]) },
        loadKiBps: 12.5,
      },
    ])
    expect(workers).toEqual([
      { worker: 'ours', capacity: 1 },
      { worker: 'java', capacity: 1, isKcl: true },
    ])
  })

  it('takes a lease that stood still for the failover time, and not one that is counted up', async () => {
    const { beat, put, kcl, clock } = await setUp()
    await put(kclItem(0))
    await put(kclItem(1))
    await beat()
    clock.jump(9_000)
    await kcl(shard(1), ...renew)
    await beat()
    clock.jump(2_000)
    const { leases, workers } = await beat()
    const owners = Object.fromEntries(leases.map(({ shardId, owner }) => [shardId, owner]))
    expect(owners).toEqual({ [shard(0)]: undefined, [shard(1)]: 'java' })
    expect(workers.map(({ worker }) => worker)).toEqual(['ours', 'java'])
  })

  it('loses to a KCL that renews before the take is written', async () => {
    const { beat, put, kcl, store } = await setUp()
    await put(kclItem(0))
    const [lease] = (await beat()).leases as [Lease]
    await kcl(shard(0), ...renew)
    const take = { key: lease.key, epoch: lease.epoch, change: { owner: 'ours', epoch: lease.epoch + 1 } }
    expect(await store.update([take], never)).toMatchObject([{ outcome: 'conflict', lease: { owner: 'java' } }])
  })

  it('gets a lease of a KCL 3 by its handover', async () => {
    const { beat, put, kcl, read, store } = await setUp()
    await put(kclItem(0))
    const [lease] = (await beat()).leases as [Lease]
    // Renewed in between: it is the owner that is asked, whatever it counts.
    await kcl(shard(0), ...renew)
    const [asked] = await store.update([{ key: lease.key, epoch: lease.epoch, change: { heir: 'ours' } }], never)
    expect(asked).toMatchObject({ outcome: 'updated', lease: { owner: 'java', heir: 'ours' } })
    expect(await read(shard(0))).toEqual(
      kclItem(0, { leaseCounter: { N: '42' }, leaseOwner: { S: 'ours' }, checkpointOwner: { S: 'java' } }),
    )
    await kcl(
      shard(0),
      'SET leaseOwner = :b, leaseCounter = leaseCounter + :one REMOVE checkpointOwner',
      { ':b': { S: 'ours' }, ':one': { N: '1' }, ':a': { S: 'java' } },
      'checkpointOwner = :a',
    )
    const [mine] = (await beat()).leases as [Lease]
    expect(mine).toMatchObject({ owner: 'ours', heir: undefined })
    expect(mine.epoch).toBeGreaterThan(lease.epoch)
  })

  it('takes a lease from a KCL 2 as its workers take them from each other', async () => {
    const { beat, put, kcl, read, store } = await setUp({ kcl: '2.x' })
    await put(kclItem(0))
    const [lease] = (await beat()).leases as [Lease]
    await kcl(shard(0), ...renew)
    const [taken] = await store.update([{ key: lease.key, epoch: lease.epoch, change: { heir: 'ours' } }], never)
    expect(taken).toMatchObject({ outcome: 'updated', lease: { owner: 'ours', heir: undefined } })
    expect(await read(shard(0))).toMatchObject({ leaseOwner: { S: 'ours' }, leaseCounter: { N: '43' } })
  })

  it('counts up what it holds, in the same term, and hands it back', async () => {
    const { beat, put, read, store, clock } = await setUp()
    await put(kclItem(0, { leaseCounter: { N: '7' } }))
    await beat()
    clock.jump(10_000)
    const news = await beat()
    const [{ key, epoch }] = news.leases as [Lease]
    const [taken] = await store.update([{ key, epoch, change: { owner: 'ours', epoch: epoch + 1 } }], never)
    if (taken?.outcome !== 'updated') throw new Error('expected the lease to be taken')
    clock.jump(4_000)
    const { leases } = await beat([taken.lease])
    expect(leases).toMatchObject([{ owner: 'ours', epoch: epoch + 1 }])
    expect(await read(shard(0))).toMatchObject({ leaseCounter: { N: '9' }, leaseOwner: { S: 'ours' } })
    const checkpoint = {
      sequenceNumber: '59590338271490256608559692538361571095921575989136588898',
      subSequenceNumber: 1,
    }
    await store.update([{ key, epoch: epoch + 1, change: { checkpoint, ownerSwitches: 0 } }], never)
    await store.update([{ key, epoch: epoch + 1, change: { owner: undefined, epoch: epoch + 2 } }], never)
    const { leaseOwner: _, ...rest } = kclItem(0, {
      leaseCounter: { N: '11' },
      checkpoint: { S: checkpoint.sequenceNumber },
      checkpointSubSequenceNumber: { N: '1' },
      ownerSwitchesSinceCheckpoint: { N: '0' },
      millraceWrites: { N: '2' },
    })
    expect(await read(shard(0))).toEqual(rest)
  })

  it('hears at once that a KCL took what it holds', async () => {
    const { beat, put, kcl, store, clock } = await setUp()
    await put(kclItem(0))
    await beat()
    clock.jump(10_000)
    const news = await beat()
    const [{ key, epoch }] = news.leases as [Lease]
    const [taken] = await store.update([{ key, epoch, change: { owner: 'ours', epoch: epoch + 1 } }], never)
    if (taken?.outcome !== 'updated') throw new Error('expected the lease to be taken')
    const { cursor } = await beat([taken.lease])
    const owner = { ':o': { S: 'java' }, ':one': { N: '1' } }
    await kcl(shard(0), 'SET leaseOwner = :o ADD leaseCounter :one', owner)
    clock.jump(3_000)
    expect((await beat([taken.lease], cursor)).leases).toMatchObject([{ owner: 'java', epoch: epoch + 2 }])
    const late = { key, epoch: epoch + 1, change: { checkpoint: TRIM_HORIZON } }
    expect(await store.update([late], never)).toMatchObject([{ outcome: 'conflict' }])
  })

  it('makes leases as a KCL makes them', async () => {
    const { store, all } = await setUp()
    await store.create([newLeaseOf(shard(3), { parents: [shard(1)] })], never)
    expect(await all()).toEqual([
      {
        leaseKey: { S: shard(3) },
        millraceStreamCreatedAt: { N: '1700000000' },
        leaseCounter: { N: '0' },
        checkpoint: { S: 'TRIM_HORIZON' },
        checkpointSubSequenceNumber: { N: '0' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
        parentShardId: { SS: [shard(1)] },
      },
    ])
  })

  it('refuses short keys of a stream that was made again since', async () => {
    const { store, all, put, beat } = await setUp()
    await store.create([newLeaseOf(shard(0))], never)
    const [row] = await all()
    expect(await beat()).toMatchObject({ leases: [{ key: `orders:1700000000:${shard(0)}` }] })
    await put({ ...row, checkpoint: { S: 'SHARD_END' }, millraceStreamCreatedAt: { N: '1600000000' } })
    await expect(beat()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/^Expected leases of orders as it was created at 1700000000, found .* 1600000000/),
    })
  })

  it('reads no leases while nothing is new', async () => {
    const { store, beat, clock } = await setUp({ kcl: 'none' })
    await store.create([newLeaseOf(shard(0))], never)
    const { cursor } = await beat()
    expect(await beat([], cursor)).toMatchObject({ isComplete: false, leases: [], cursor })
    await store.create([newLeaseOf(shard(1))], never)
    expect((await beat([], cursor)).leases).toHaveLength(2)
    const { cursor: next } = await beat()
    clock.jump(10_000)
    expect(await beat([], next)).toMatchObject({ isComplete: true })
  })

  it('announces what may be its own change whose answer was lost', async () => {
    const { store, beat, kcl } = await setUp({ kcl: 'none' })
    await store.create([newLeaseOf(shard(0))], never)
    const { leases: [lease], cursor } = await beat() // prettier-ignore
    const { key = '', epoch = 0 } = lease ?? {}
    await kcl(shard(0), 'SET leaseOwner = :o ADD leaseCounter :one', { ':o': { S: 'ours' }, ':one': { N: '1' } })
    expect(await beat([], cursor)).toMatchObject({ isComplete: false })
    const take = { key, epoch, change: { owner: 'ours', epoch: epoch + 1 } }
    expect(await store.update([take], never)).toMatchObject([{ outcome: 'conflict', lease: { owner: 'ours' } }])
    expect(await beat([], cursor)).toMatchObject({ isComplete: true, leases: [{ owner: 'ours', epoch: epoch + 1 }] })
  })

  it('has leases of several accounts, as a KCL of several streams writes them', async () => {
    const { store, beat, read } = await setUp({ keys: { account: '000000000000' }, kcl: 'none' })
    const lease = (stream: string) =>
      newLeaseOf(shard(0), { key: `${stream}:1700000000:${shard(0)}`, stream, shardId: shard(0) })
    await store.create([lease('orders'), lease('111122223333:orders')], never)
    for (const account of ['000000000000', '111122223333'])
      expect(await read(`${account}:orders:1700000000:${shard(0)}`)).toMatchObject({
        streamName: { S: `${account}:orders:1700000000` },
        shardId: { S: shard(0) },
      })
    const { leases } = await beat()
    expect(leases.map(({ key, stream }) => [key, stream]).toSorted()).toEqual([
      [`111122223333:orders:1700000000:${shard(0)}`, '111122223333:orders'],
      [`orders:1700000000:${shard(0)}`, 'orders'],
    ])
  })

  it('has short keys of a stream that is named by its ARN, whoever has it', async () => {
    const ARN = 'arn:aws:kinesis:us-east-1:111122223333:stream/orders'
    const { beat, put } = await setUp({ keys: { stream: ARN, service } })
    await put(kclItem(0))
    expect((await beat()).leases).toMatchObject([
      { key: `111122223333:orders:1700000000:${shard(0)}`, stream: '111122223333:orders' },
    ])
    expect(described.at(-1)).toEqual({ StreamARN: ARN })
  })

  it('refuses an account that is none', () => {
    expect(() => new DynamoLeaseStore({ client, table: 'leases', keys: { account: 'mine' } })).toThrow(
      'Expected an account of twelve digits, found mine.',
    )
  })

  it.each([
    [
      'long keys where short ones are expected',
      { leaseKey: { S: `000000000000:orders:1700000000:${shard(0)}` } },
      'open the table with long keys',
    ],
    [
      'a lease without a checkpoint',
      { leaseKey: { S: shard(0) }, leaseCounter: { N: '1' } },
      'Expected the attribute checkpoint',
    ],
    ['a checkpoint that is no number', kclItem(0, { checkpoint: { S: 'half past four' } }), 'half past four'],
  ])('refuses %s', async (_, item, message) => {
    const { beat, put } = await setUp()
    await put(item)
    await expect(beat()).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(message) })
  })

  it('says that it is unavailable where nobody answers', async () => {
    const elsewhere = new DynamoDBClient({
      endpoint: 'http://127.0.0.1:1',
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    })
    const store = new DynamoLeaseStore({ client: elsewhere, table: 'leases', keys: { account: '000000000000' } })
    const beat = store.beat({ worker: 'ours', ttlMs: 1_000, waitMs: 0, held: [], capacity: 1 }, never)
    await expect(beat).rejects.toMatchObject({ name: 'LeaseStoreError', code: 'unavailable', retryable: true })
    elsewhere.destroy()
  })

  it('says that it is unavailable where no credentials come, as a metadata service may be away for a moment', async () => {
    const credentials = () =>
      Promise.reject(Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' }))
    const bare = new DynamoDBClient({ endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
    const store = new DynamoLeaseStore({ client: bare, table: 'leases', keys: { account: '000000000000' } })
    const beat = store.beat({ worker: 'ours', ttlMs: 1_000, waitMs: 0, held: [], capacity: 1 }, never)
    await expect(beat).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('credentials') })
    bare.destroy()
  })
})
