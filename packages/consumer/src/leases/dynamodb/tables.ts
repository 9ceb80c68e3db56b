/** Makes tables that are missing, and waits until they can be used. */
import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, sleep } from '@millrace/std'
import { LeaseStoreError } from '../lease-store.ts'
import { storeError } from './dynamo-calls.ts'

const POLL_MS = 1_000
/** The KCL's. */
const WAIT_MS_MAX = 600_000

/** With one key attribute, a string, paid by request. */
export async function ensureTable(
  client: DynamoDBClient,
  table: string,
  key: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.monotonic() + WAIT_MS_MAX
  for (;;) {
    const status = await statusOf(client, table, signal)
    if (status === 'ACTIVE' || status === 'UPDATING') return
    if (status === undefined) await create(client, table, key, signal)
    else if (clock.monotonic() > untilMs)
      throw new LeaseStoreError('unavailable', `The table ${table} is ${status} for ten minutes.`)
    else await sleep(clock, POLL_MS, signal)
  }
}

async function statusOf(client: DynamoDBClient, table: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), { abortSignal: signal })
    return Table?.TableStatus ?? 'unknown'
  } catch (error) {
    signal.throwIfAborted()
    if (nameOf(error) === 'ResourceNotFoundException') return undefined
    throw storeError(error)
  }
}

async function create(client: DynamoDBClient, table: string, key: string, signal: AbortSignal): Promise<void> {
  const command = new CreateTableCommand({
    TableName: table,
    KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST',
  })
  try {
    await client.send(command, { abortSignal: signal })
  } catch (error) {
    signal.throwIfAborted()
    // Another worker was faster.
    if (nameOf(error) !== 'ResourceInUseException') throw storeError(error)
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
