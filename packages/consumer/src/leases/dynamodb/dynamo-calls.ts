/** Calls of DynamoDB, with failures as a lease store has them. */
import { setMaxListeners } from 'node:events'
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  type ScanCommandInput,
  type ScanCommandOutput,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'
import { LeaseStoreError, type LeaseStoreErrorCode } from '../lease-store.ts'
import type { PagePace } from './page-pace.ts'

const CODES: Readonly<Record<string, LeaseStoreErrorCode>> = {
  ProvisionedThroughputExceededException: 'throttled',
  ThrottlingException: 'throttled',
  ThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  LimitExceededException: 'throttled',
  AccessDeniedException: 'denied',
  // Most likely the metadata service of a container or machine: to end the worker of each would end the fleet.
  CredentialsProviderError: 'unavailable',
  ExpiredTokenException: 'denied',
  IncompleteSignatureException: 'denied',
  InvalidSignatureException: 'denied',
  MissingAuthenticationTokenException: 'denied',
  UnrecognizedClientException: 'denied',
  ResourceNotFoundException: 'invalid',
  ValidationException: 'invalid',
}

/** `unmet`: a condition was not. */
export async function call<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | 'unmet'> {
  signal.throwIfAborted()
  // As many listen to it as there are calls at once: Node would warn of a leak at eleven.
  setMaxListeners(0, signal)
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ConditionalCheckFailedException) return 'unmet'
    throw storeError(error)
  }
}

export function storeError(error: unknown): LeaseStoreError {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  return new LeaseStoreError(CODES[name] ?? 'unavailable', `DynamoDB: ${name}: ${message}`, { cause: error })
}

/** Every item, page after page, as all writes before have left it. `pace` absent: in pages as large as they are. */
export async function scan(
  client: DynamoDBClient,
  input: ScanCommandInput,
  signal: AbortSignal,
  pace?: PagePace,
): Promise<readonly Record<string, AttributeValue>[]> {
  const items: Record<string, AttributeValue>[] = []
  let from: Record<string, AttributeValue> | undefined
  const read = (limit: number | undefined, within: AbortSignal): Promise<ScanCommandOutput | 'unmet'> => {
    const command = new ScanCommand({ ...input, ConsistentRead: true, ExclusiveStartKey: from, Limit: limit })
    return call(() => client.send(command, { abortSignal: within }), within)
  }
  do {
    const page = await (pace === undefined ? read(undefined, signal) : pace.page(read, signal))
    if (page === 'unmet') break
    items.push(...(page.Items ?? []))
    from = page.LastEvaluatedKey
  } while (from !== undefined)
  pace?.read(items.length)
  return items
}
