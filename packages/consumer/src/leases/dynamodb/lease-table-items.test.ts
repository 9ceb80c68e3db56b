import { type DynamoDBClient, type GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, it } from 'vitest'
import { newLeaseOf } from '../lease-store.contract.ts'
import { SHARD_END } from '../../extended-sequence-number.ts'
import type { NewLease } from '../lease.ts'
import { longKeys } from './item-keys.ts'
import { itemOfNewLease } from './lease-item.ts'
import { LeaseTableItems } from './lease-table-items.ts'

const lease = (shardId: string, ...parents: readonly string[]) => newLeaseOf(shardId, { parents })
const leases = [lease('d', 'b', 'c'), lease('a'), lease('b', 'a'), lease('c', 'a'), lease('e', 'gone')]

/** A table that answers puts later than they are made; and what was put, in its order, `begun` before it is answered. */
function tableOf(refused?: string) {
  const puts: string[] = []
  const client = {
    send: async ({ input }: { readonly input: { readonly Item: { readonly leaseKey: { readonly S: string } } } }) => {
      const shardId = input.Item.leaseKey.S.split(':').at(-1) as string
      puts.push(`${shardId} begun`)
      await new Promise((resolve) => setImmediate(resolve))
      if (shardId === refused) throw Object.assign(new Error('slow down'), { name: 'ThrottlingException' })
      puts.push(shardId)
      return {}
    },
  }
  return { puts, items: new LeaseTableItems(client as unknown as DynamoDBClient, 'leases', longKeys('000000000000')) }
}

describe('new items of a lease table', () => {
  const never = new AbortController().signal

  it('are written when those of their parents are', async () => {
    const { puts, items } = tableOf()
    await items.create(leases, never)
    const isBefore = (parent: string, child: string) => puts.indexOf(parent) < puts.indexOf(`${child} begun`)
    expect([isBefore('a', 'b'), isBefore('a', 'c'), isBefore('b', 'd'), isBefore('c', 'd')]).not.toContain(false)
    expect(puts).toHaveLength(2 * leases.length)
  })

  it('are not written when one of a parent failed', async () => {
    const { puts, items } = tableOf('a')
    await expect(items.create(leases, never)).rejects.toMatchObject({ code: 'throttled' })
    expect(puts.filter((put) => ['b begun', 'c begun', 'd begun'].includes(put))).toEqual([])
  })

  it('are all written where shards are each other’s parents', async () => {
    const { puts, items } = tableOf()
    await items.create([lease('a', 'b'), lease('b', 'a')], never)
    expect(puts).toHaveLength(4)
  })
})

describe('a scan of a lease table', () => {
  const keys = longKeys('000000000000')

  /** What a scan tells that began before what is `there` was written, and what was asked for by itself. */
  async function read(scanned: readonly NewLease[], there: readonly NewLease[]) {
    const asked: string[] = []
    const send = async (command: ScanCommand | GetItemCommand) => {
      if (command instanceof ScanCommand) return { Items: scanned.map((one) => itemOfNewLease(one, keys)) }
      const key = command.input.Key?.['leaseKey']?.S ?? ''
      asked.push(key.split(':').at(-1) as string)
      const found = there.find((one) => keys.attributesOf(one.key)['leaseKey']?.S === key)
      return { Item: found && itemOfNewLease(found, keys) }
    }
    const items = new LeaseTableItems({ send } as unknown as DynamoDBClient, 'leases', keys)
    const told = await items.all(new AbortController().signal)
    return { asked: asked.toSorted(), told: told.map((stored) => stored.lease) }
  }

  const ended = newLeaseOf('a', { checkpoint: SHARD_END })
  const reset = newLeaseOf('a', { epoch: 1 })

  it('tells no child that nobody has begun without the parents that were written before it', async () => {
    const { told } = await read([lease('b', 'a')], [lease('a'), lease('b', 'a')])
    expect(told.map(({ shardId }) => shardId).toSorted()).toEqual(['a', 'b'])
  })

  it('tells no parent as it was before its child was reset', async () => {
    const { told } = await read([ended, lease('b', 'a')], [reset, lease('b', 'a')])
    expect(told.find(({ shardId }) => shardId === 'a')).toMatchObject({
      checkpoint: { sequenceNumber: 'TRIM_HORIZON' },
    })
  })

  it('asks again only where a lease could be begun', async () => {
    const isHeldUp = await read([lease('a'), lease('b', 'a', 'z')], [])
    const isBegun = await read([newLeaseOf('b', { parents: ['a'], owner: 'w' })], [])
    const isFar = await read([newLeaseOf('b', { parents: ['a'], checkpoint: { sequenceNumber: '7', subSequenceNumber: 0 } })], []) // prettier-ignore
    const isOver = await read([newLeaseOf('b', { parents: ['a'], checkpoint: SHARD_END })], [])
    expect([isHeldUp, isBegun, isFar, isOver].flatMap(({ asked }) => asked)).toEqual([])
    expect((await read([lease('b', 'a'), lease('c', 'a')], [])).asked).toEqual(['a'])
  })
})
