/** What keeps the leases of a fleet of processes: the service, DynamoDB's protocol over memory, or a PostgreSQL or a Redis of its own. */
import { startDynalite } from '../../../packages/consumer/src/testing/dynalite.ts'
import { postgresBinaries, startPostgres } from '../../stores/support/postgres.ts'
import { redisBinary, startRedis } from '../../stores/support/redis.ts'

export interface ServedStore {
  /** What `openStore` is given, in another process. */
  readonly address: string
  /** Killed with -9 and begun again, where it keeps what it answered through that. */
  crash?(): Promise<void>
  stop(): Promise<unknown>
}

/** `kind`: `service`, `dynamodb`, `postgres` or `redis`. */
export async function serveStore(kind: string): Promise<ServedStore> {
  if (kind === 'service') return { address: kind, stop: async () => undefined }
  if (kind === 'dynamodb') {
    const dynalite = await startDynalite()
    return { address: `dynamodb ${dynalite.endpoint}`, stop: () => dynalite.stop() }
  }
  if (kind === 'redis') return serveRedis()
  if (kind !== 'postgres') throw new Error(`Expected service, dynamodb, postgres or redis, found ${kind}.`)
  const binaries = await postgresBinaries()
  if (binaries === undefined) throw new Error('PostgreSQL is not installed here: no initdb is found.')
  const postgres = await startPostgres(binaries)
  return { address: `postgres ${postgres.host}`, stop: () => postgres.stop() }
}

async function serveRedis(): Promise<ServedStore> {
  const binary = redisBinary()
  if (binary === undefined) throw new Error('Redis is not installed here: no redis-server is found.')
  const redis = await startRedis(binary)
  return {
    address: `redis redis://127.0.0.1:${redis.port}`,
    crash: async () => {
      await redis.kill()
      await redis.start()
    },
    stop: () => redis.stop(),
  }
}
