/** What keeps the leases of a fleet of processes: the service, DynamoDB's protocol over memory, or a PostgreSQL of its own. */
import { startDynalite } from '../../../packages/consumer/src/testing/dynalite.ts'
import { postgresBinaries, startPostgres } from '../../stores/support/postgres.ts'

export interface ServedStore {
  /** What `openStore` is given, in another process. */
  readonly address: string
  stop(): Promise<unknown>
}

/** `kind`: `service`, `dynamodb` or `postgres`. */
export async function serveStore(kind: string): Promise<ServedStore> {
  if (kind === 'service') return { address: kind, stop: async () => undefined }
  if (kind === 'dynamodb') {
    const dynalite = await startDynalite()
    return { address: `dynamodb ${dynalite.endpoint}`, stop: () => dynalite.stop() }
  }
  if (kind !== 'postgres') throw new Error(`Expected service, dynamodb or postgres, found ${kind}.`)
  const binaries = await postgresBinaries()
  if (binaries === undefined) throw new Error('PostgreSQL is not installed here: no initdb is found.')
  const postgres = await startPostgres(binaries)
  return { address: `postgres ${postgres.host}`, stop: () => postgres.stop() }
}
