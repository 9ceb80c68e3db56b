import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, it } from 'vitest'
import { newLeaseOf } from '../lease-store.contract.ts'
import { longKeys } from './item-keys.ts'
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
