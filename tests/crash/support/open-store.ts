/** A worker's store of leases, by the address that `served-store.ts` gave. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { KinesisClient } from '@millrace/client'
import { type LeaseStore, ServiceLeaseStore } from '@millrace/consumer'
import { DynamoLeaseStore } from '@millrace/consumer/dynamodb'
import { PostgresLeaseStore } from '@millrace/consumer/postgres'
import { RedisLeaseStore } from '@millrace/consumer/redis'
import pg from 'pg'
import { createClient } from 'redis'

export function openStore(
  address: string,
  application: string,
  client: KinesisClient,
): { readonly store: LeaseStore; close(): Promise<void> } {
  const [kind, at = ''] = address.split(' ')
  if (kind === 'dynamodb') {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const dynamo = new DynamoDBClient({ endpoint: at, region: 'us-east-1', credentials })
    const keys = { account: '000000000000' }
    const store = new DynamoLeaseStore({ client: dynamo, table: application, keys, kcl: 'none' })
    return { store, close: async () => dynamo.destroy() }
  }
  if (kind === 'postgres') {
    const pool = new pg.Pool({ host: at, user: 'millrace', database: 'postgres', max: 4 })
    pool.on('error', () => undefined)
    const store = new PostgresLeaseStore({ pool, application })
    return { store, close: () => store[Symbol.asyncDispose]().then(() => pool.end()) }
  }
  if (kind === 'redis') {
    const redis = createClient({ url: at })
    redis.on('error', () => undefined)
    // Until it is connected it keeps what is asked.
    void redis.connect().catch(() => undefined)
    const store = new RedisLeaseStore({ client: redis, application })
    return { store, close: () => store[Symbol.asyncDispose]().then(() => redis.destroy()) }
  }
  return { store: new ServiceLeaseStore({ client, application }), close: async () => undefined }
}
