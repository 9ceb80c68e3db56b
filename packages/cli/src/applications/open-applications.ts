/**
 * Opens what `--store` names. The packages that speak to DynamoDB, PostgreSQL and Redis are loaded here and only when they are asked for:
 * whoever keeps leases in the service has none of them.
 */
import { type KinesisClient, resolveClientSettings } from '@millrace/client'
import type { LeaseAdministration } from '@millrace/consumer'
import { CommandError } from '../exit-code.ts'
import type { Shell } from '../shell.ts'
import type { StoreAddress } from './store-address.ts'

export interface OpenApplications {
  readonly applications: LeaseAdministration
  /** For people; absent where the target says it all. */
  readonly description?: string
  close(): Promise<void>
}

export interface StoreContext {
  /** For the streams. */
  readonly client: KinesisClient
  readonly shell: Shell
  readonly options: { readonly profile?: string; readonly stream?: string }
}

export async function openApplications(address: StoreAddress, context: StoreContext): Promise<OpenApplications> {
  switch (address.kind) {
    case 'service': {
      const { ServiceApplications } = await import('@millrace/consumer')
      return { applications: new ServiceApplications(context.client), close: () => Promise.resolve() }
    }
    case 'dynamodb':
      return openDynamo(address, context)
    case 'postgres':
      return openPostgres(address, context)
    case 'redis':
      return openRedis(address, context)
  }
}

async function openDynamo(
  { region, table, endpoint }: StoreAddress & { readonly kind: 'dynamodb' },
  { client: service, shell, options: { profile, stream } }: StoreContext,
): Promise<OpenApplications> {
  const { DynamoDBClient } = await needed('@aws-sdk/client-dynamodb', () => import('@aws-sdk/client-dynamodb'))
  const { DynamoApplications } = await import('@millrace/consumer/dynamodb')
  const { env, clock, random } = shell
  // Keys for where the table is: those of a local server are of no use to AWS.
  const place = endpoint ?? `https://dynamodb.${region}.amazonaws.com`
  const settings = await resolveClientSettings({ env, endpoint: place, region, profile, clock, random })
  const found = settings.client.credentials
  const client = new DynamoDBClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: async () => {
      const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = await (typeof found === 'function' ? found({}) : found) // prettier-ignore
      return {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
        ...(expiresAtMs === undefined ? {} : { expiration: new Date(expiresAtMs) }),
      }
    },
  })
  return {
    applications: new DynamoApplications({ client, table, stream, service, clock }),
    description: `table ${table} of DynamoDB, ${endpoint ?? region}`,
    close: async () => client.destroy(),
  }
}

async function openPostgres(
  { url, schema }: StoreAddress & { readonly kind: 'postgres' },
  { shell }: StoreContext,
): Promise<OpenApplications> {
  const { default: pg } = await needed('pg', () => import('pg'))
  const { PostgresApplications } = await import('@millrace/consumer/postgres')
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  // A connection that breaks while it is idle: the next call tells.
  pool.on('error', () => undefined)
  const { host, pathname } = new URL(url)
  return {
    applications: new PostgresApplications({ pool, schema, clock: shell.clock }),
    description: `PostgreSQL ${host}${pathname}`,
    close: () => pool.end(),
  }
}

async function openRedis(
  { url, prefix }: StoreAddress & { readonly kind: 'redis' },
  { shell }: StoreContext,
): Promise<OpenApplications> {
  const { createClient } = await needed('redis', () => import('redis'))
  const { LeaseStoreError } = await import('@millrace/consumer')
  const { RedisApplications } = await import('@millrace/consumer/redis')
  // Whoever waits at a terminal is told at once.
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  // The next call tells.
  client.on('error', () => undefined)
  await client.connect().catch((cause: unknown) => {
    throw new LeaseStoreError('unavailable', `Redis: ${(cause as Error).message}`, { cause })
  })
  const { host, pathname } = new URL(url)
  return {
    applications: new RedisApplications({ client, prefix, clock: shell.clock }),
    description: `Redis ${host}${pathname}${prefix === undefined ? '' : `, ${prefix}`}`,
    close: async () => client.destroy(),
  }
}

/** An optional package. Rejects with a `CommandError` that says how to install it. */
export async function needed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const { code, message } = cause as { readonly code?: unknown; readonly message: string }
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(`'${name}'`)) throw cause
    throw new CommandError(
      {
        ending: 'usage',
        code: 'PackageMissing',
        message: `leases there need a package that is not installed beside millrace: npm install ${name}`,
      },
      { cause },
    )
  }
}
