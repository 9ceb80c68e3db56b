/** A service that runs elsewhere: it is asked what it is, and left as it was. */
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
} from '@aws-sdk/client-kinesis'
import { removeStreams } from './cleaning.ts'
import { type Keys, sdkClient, streamArn } from './sdk-client.ts'
import type { RunningService } from './services.ts'
import { settling } from './settling.ts'

/** How long a service that runs elsewhere has for a page. */
const PAGE_MS = 10_000
/** A read more than a shard of AWS answers in a second. */
const READS = 6

/** Those that AWS's tools find: in the variables of the environment, or in their files. */
export async function keysOfEnvironment(region: string): Promise<Keys> {
  const sdk = new KinesisClient({ region })
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await sdk.config.credentials()
    return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
  } finally {
    sdk.destroy()
  }
}

/**
 * Asks a service what it is, in an account of its own if it has such. `leave` deletes all streams that this run made in
 * the account in which it asked. Leaves nothing behind where it fails.
 */
export async function meetService(
  endpoint: string,
  region: string,
  given: Keys | undefined,
): Promise<{ readonly service: RunningService; leave(): Promise<void> }> {
  const run = process.hrtime.bigint()
  const keys = given ?? { accessKeyId: `9${String(run).slice(-11)}`, secretAccessKey: 'test' }
  const prefix = `conformance-${run.toString(36)}`
  const sdk = settling(sdkClient(endpoint, keys, undefined, region))
  try {
    const account = await accountOf(sdk, endpoint, prefix)
    const leave = () => removeStreams(sdk, `${prefix}-`, (name) => streamArn(name, account, region))
    const shardLimits = await hasShardLimits(sdk, `${prefix}-probe`).finally(leave)
    const service = {
      engine: 'external',
      endpoint,
      region,
      account: account === keys.accessKeyId ? undefined : account,
      keys: given,
      prefix,
      shardLimits,
      ours: await isOurs(endpoint),
    } as const
    return { service, leave: () => leave().finally(() => sdk.destroy()) }
  } catch (error) {
    sdk.destroy()
    throw error
  }
}

/** As it names it when it does not find a stream. */
async function accountOf(sdk: KinesisClient, endpoint: string, StreamName: string): Promise<string> {
  const call = sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
  const answer = String(await call.then(() => 'a stream', (error: Error) => error)) // prettier-ignore
  const account = /under account (\d{12}) not found/.exec(answer)?.[1]
  if (account !== undefined) return account
  throw new Error(`${endpoint}: expected that it finds no stream '${StreamName}', found: ${answer}`)
}

async function hasShardLimits(sdk: KinesisClient, StreamName: string): Promise<boolean> {
  await sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
  const at = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'LATEST' } as const
  const { ShardIterator } = await sdk.send(new GetShardIteratorCommand(at))
  const reads = await Promise.all(
    Array.from({ length: READS }, () =>
      sdk.send(new GetRecordsCommand({ ShardIterator })).then(() => true, throttledOrThrow),
    ),
  )
  return reads.includes(false)
}

/** False: a shard has enough. What else a read is refused with is no sign of limits. */
function throttledOrThrow(error: Error): false {
  if (error.name !== 'ProvisionedThroughputExceededException') throw error
  return false
}

/** By its page: others may answer 200 to whatever is asked. */
async function isOurs(endpoint: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/_health/live`, { signal: AbortSignal.timeout(PAGE_MS) })
  return response.status === 200 && (await response.text()).trim() === '{"status":"live"}'
}
