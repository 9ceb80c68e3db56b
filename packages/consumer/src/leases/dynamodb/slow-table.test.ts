/** A lease table that takes longer to read than a beat waits for it. */
import { type DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { BusyDynamo } from '../../testing/busy-dynamo.ts'
import { passTime } from '../../testing/pass-time.ts'
import { newLeaseOf } from '../lease-store.contract.ts'
import type { LeaseNews } from '../lease-store.ts'
import { DynamoLeaseStore } from './dynamo-lease-store.ts'
import type { KclMode } from './options.ts'

/** More than one page. */
const SHARDS = 300
const TTL_MS = 4_000
/** How long a worker's coordinator waits for a beat. */
const BEAT_MS_MAX = TTL_MS / 3
const never = new AbortController().signal
const leases = Array.from({ length: SHARDS }, (_, i) => newLeaseOf(`shardId-${String(i).padStart(12, '0')}`))

async function setUp(kcl: KclMode = 'none') {
  const clock = new VirtualClock()
  const dynamo = new BusyDynamo(clock)
  let isMute = false
  const send = (...[command, options]: Parameters<DynamoDBClient['send']>): unknown =>
    isMute && command instanceof ScanCommand && command.input.TableName === 'leases'
      ? new Promise<never>(() => {})
      : dynamo.client.send(command, options)
  const client = { send } as unknown as DynamoDBClient
  const keys = { account: '000000000000' }
  const open = () => new DynamoLeaseStore({ client, table: 'leases', keys, clock, kcl })
  const [store, other] = [open(), open()]
  /** What becomes of it within so long, ms. */
  const within = async <T>(ms: number, work: Promise<T>): Promise<T | 'nothing'> => {
    const isSettled = new AbortController()
    const note = (): void => isSettled.abort()
    work.then(note, note)
    for (let passedMs = 0; passedMs < ms && !isSettled.signal.aborted; passedMs += 10) await passTime(clock, 10)
    return isSettled.signal.aborted ? work : 'nothing'
  }
  for (let at = 0; at < SHARDS; at += 100) await within(60_000, other.create(leases.slice(at, at + 100), never))
  return {
    dynamo,
    store,
    other,
    within,
    client,
    mute: (isIt: boolean) => void (isMute = isIt),
    pass: (ms: number) => passTime(clock, ms),
    beat: (cursor?: string, ttlMs = TTL_MS) =>
      store.beat({ worker: 'worker-0', ttlMs, waitMs: 0, held: [], capacity: 1, cursor }, never),
  }
}

/** What a beat told, that was answered. */
function told(news: LeaseNews | 'nothing'): LeaseNews {
  if (news === 'nothing') throw new Error('the beat was not answered')
  return news
}

describe('a lease table that is slow', () => {
  it('is waited for by the first beat, as who is told of no leases makes new ones', async () => {
    const { dynamo, beat, within } = await setUp()
    dynamo.slowness = 6
    const first = beat()
    expect(await within(BEAT_MS_MAX, first)).toBe('nothing')
    expect(told(await within(20_000, first)).leases).toHaveLength(SHARDS)
  })

  it('holds up no later beat, and is told with the one that comes when it is read', async () => {
    const { dynamo, other, beat, within, pass } = await setUp()
    const { cursor } = told(await within(5_000, beat()))
    await within(5_000, other.create([newLeaseOf('shardId-000000000777')], never))
    dynamo.slowness = 16
    const second = told(await within(BEAT_MS_MAX, beat(cursor)))
    expect(second).toMatchObject({ cursor, isComplete: false })
    await pass(20_000)
    expect(told(await within(BEAT_MS_MAX, beat(cursor))).leases).toHaveLength(SHARDS + 1)
  })

  it('tells nothing as it was before this worker changed it, though it was read then', async () => {
    const { dynamo, store, beat, within, pass } = await setUp()
    const { cursor } = told(await within(5_000, beat()))
    const [{ key }] = leases as [(typeof leases)[0]]
    dynamo.slowness = 16
    // It is to tell everything: as it is known, and the table is read.
    expect(told(await within(BEAT_MS_MAX, beat()))).toMatchObject({ cursor, isComplete: true })
    const taken = store.update([{ key, epoch: 0, change: { owner: 'worker-0', epoch: 1 } }], never)
    expect(await within(5_000, taken)).toMatchObject([{ outcome: 'updated' }])
    expect(told(await within(5_000, beat(cursor))).cursor).toBe(cursor)
    await pass(20_000)
    const news = told(await within(BEAT_MS_MAX, beat(cursor)))
    expect(news.cursor).not.toBe(cursor)
    expect(news.leases.find((lease) => lease.key === key)).toMatchObject({ owner: 'worker-0', epoch: 1 })
  })

  it('is read again where a page of it was never answered, and a beat says so', async () => {
    const { store, beat, within, pass, mute } = await setUp()
    const { cursor } = told(await within(5_000, beat()))
    await within(5_000, store.create([newLeaseOf('shardId-000000000777')], never))
    mute(true)
    expect(await within(5_000, beat(cursor))).toMatchObject({ isComplete: false })
    mute(false)
    await pass(8_000)
    expect(await within(5_000, beat(cursor))).toMatchObject({ isComplete: false })
    await pass(2_000)
    await expect(within(5_000, beat(cursor))).rejects.toMatchObject({ code: 'unavailable' })
    await within(5_000, beat(cursor))
    await pass(10_000)
    expect(told(await within(5_000, beat(cursor))).leases).toHaveLength(SHARDS + 1)
  })

  it('does not hold up beats of sessions that live for minutes until they have failed', async () => {
    const { dynamo, other, beat, within } = await setUp()
    const { cursor } = told(await within(5_000, beat(undefined, 120_000)))
    await within(5_000, other.create([newLeaseOf('shardId-000000000777')], never))
    dynamo.slowness = 40
    expect(await within(20_000, beat(cursor, 120_000))).toMatchObject({ isComplete: false })
  })

  it('is waited for again by the first beat after the worker has left', async () => {
    const { dynamo, store, other, beat, within } = await setUp()
    await within(5_000, beat())
    await within(5_000, store.leave(never))
    await within(5_000, other.create([newLeaseOf('shardId-000000000777')], never))
    dynamo.slowness = 6
    expect(told(await within(20_000, beat())).leases).toHaveLength(SHARDS + 1)
  })

  it('tells nothing of workers of a KCL that it has not read: they are not dead for that', async () => {
    const { client, beat, within, pass, mute } = await setUp('3.x')
    const item = {
      leaseKey: { S: '000000000000:orders:1700000000:shardId-000000000777' },
      leaseOwner: { S: 'java' },
      leaseCounter: { N: '1' },
      checkpoint: { S: 'TRIM_HORIZON' },
      checkpointSubSequenceNumber: { N: '0' },
    }
    await within(5_000, client.send(new PutItemCommand({ TableName: 'leases', Item: item })))
    const { cursor, workers } = told(await within(5_000, beat()))
    expect(workers.map(({ worker }) => worker)).toEqual(['worker-0', 'java'])
    mute(true)
    await pass(4_000)
    expect(told(await within(5_000, beat(cursor)))).toMatchObject({ isComplete: false, workers })
    await pass(8_000)
    expect(told(await within(5_000, beat(cursor)))).toMatchObject({ isComplete: false, workers })
  })
})
