/** The items of the lease table: read, and written one by one on the conditions of `lease-item.ts`. */
import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { isSentinel, isShardEnd } from '../../extended-sequence-number.ts'
import { generations } from '../generations.ts'
import { LeaseStoreError } from '../lease-store.ts'
import { parentKeys } from '../lease-key.ts'
import type { LeaseChange, NewLease } from '../lease.ts'
import { call, scan } from './dynamo-calls.ts'
import type { ItemKeys } from './item-keys.ts'
import { type Item, itemOfNewLease, leaseOfItem, type StoredLease, updateOfItem } from './lease-item.ts'
import { manyAtOnce } from './many-at-once.ts'
import type { PagePace } from './page-pace.ts'

export class LeaseTableItems {
  readonly #client: DynamoDBClient
  readonly #table: string
  readonly #keys: ItemKeys
  readonly #pace: PagePace | undefined

  /** `pace` absent: the table is read in pages as large as they are. */
  constructor(client: DynamoDBClient, table: string, keys: ItemKeys, pace?: PagePace) {
    this.#client = client
    this.#table = table
    this.#keys = keys
    this.#pace = pace
  }

  /**
   * All leases. A scan is no picture of one moment, also where it is consistent (DynamoDB, Scan): of a lease that was made, or reset,
   * meanwhile it may tell, and of its parents as they were before. Parents without a lease count as processed, so those of a lease that
   * nobody has begun are looked at once more: they were written first.
   */
  async all(signal: AbortSignal): Promise<readonly StoredLease[]> {
    const items = await scan(this.#client, { TableName: this.#table }, signal, this.#pace)
    const leases = items.map((item) => leaseOfItem(item, this.#keys)).filter((stored) => stored !== undefined)
    const byKey = new Map(leases.map((stored) => [stored.lease.key, stored]))
    const isProcessed = (key: string): boolean => {
      const checkpoint = byKey.get(key)?.lease.checkpoint
      return checkpoint === undefined || isShardEnd(checkpoint)
    }
    const parents = leases
      .filter(({ lease }) => lease.owner === undefined && isSentinel(lease.checkpoint) && !isShardEnd(lease.checkpoint))
      .map(({ lease }) => parentKeys(lease))
      .filter((keys) => keys.every(isProcessed))
    await manyAtOnce([...new Set(parents.flat())], async (key) => {
      const parent = await this.read(key, signal)
      if (parent === undefined) byKey.delete(key)
      else byKey.set(key, parent)
    })
    return [...byKey.values()]
  }

  async read(key: string, signal: AbortSignal): Promise<StoredLease | undefined> {
    const command = new GetItemCommand({ TableName: this.#table, Key: this.#keyOf(key), ConsistentRead: true })
    const found = await call(() => this.#client.send(command, { abortSignal: signal }), signal)
    if (found === 'unmet' || found.Item === undefined) return undefined
    return leaseOfItem(found.Item, this.#keys)
  }

  /**
   * Those that are not there, parents before their children: a parent without a lease counts as processed. After a failure no
   * more are begun.
   */
  async create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    for (const generation of generations(leases))
      await manyAtOnce(generation, (lease) => this.#createOne(lease, signal))
  }

  async #createOne(lease: NewLease, signal: AbortSignal): Promise<void> {
    const command = new PutItemCommand({
      TableName: this.#table,
      Item: itemOfNewLease(lease, this.#keys),
      ConditionExpression: 'attribute_not_exists(leaseKey)',
    })
    await call(() => this.#client.send(command, { abortSignal: signal }), signal)
  }

  /** `undefined`: it is not as `stored` any more. */
  async update(stored: StoredLease, change: LeaseChange, signal: AbortSignal): Promise<StoredLease | undefined> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: this.#keyOf(stored.lease.key),
      ...updateOfItem(stored, change),
      ReturnValues: 'ALL_NEW',
    })
    const done = await call(() => this.#client.send(command, { abortSignal: signal }), signal)
    if (done === 'unmet') return undefined
    return leaseOfItem(done.Attributes ?? {}, this.#keys) ?? notALease(stored.lease.key)
  }

  /** Says whether it was as `stored`. */
  async remove({ lease, counter }: StoredLease, signal: AbortSignal): Promise<boolean> {
    const command = new DeleteItemCommand({
      TableName: this.#table,
      Key: this.#keyOf(lease.key),
      ConditionExpression: 'leaseCounter = :counter',
      ExpressionAttributeValues: { ':counter': { N: String(counter) } },
    })
    return (await call(() => this.#client.send(command, { abortSignal: signal }), signal)) !== 'unmet'
  }

  #keyOf(key: string): Item {
    const { leaseKey } = this.#keys.attributesOf(key)
    return leaseKey === undefined ? {} : { leaseKey }
  }
}

function notALease(key: string): never {
  throw new LeaseStoreError('invalid', `The item of ${key} became something else than a lease.`)
}
