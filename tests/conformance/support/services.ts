/**
 * What the conformance suite runs against, made ready once for the whole run (Vitest's `globalSetup`): each engine,
 * without shard limits and with those of AWS, or the one service at `MILLRACE_CONFORMANCE_ENDPOINT`, which is asked
 * what it is. The test files get what they need to know of each, and nothing else: they speak over the wire only.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis'
import { startServer } from '@millrace/server'
import type { TestProject } from 'vitest/node'
import { sdkClient } from './sdk-client.ts'

export interface RunningService {
  readonly engine: 'memory' | 'embedded' | 'external'
  /** `http://…`, without a slash at the end. */
  readonly endpoint: string
  /** The account of every request; undefined: a 12-digit access key is an account of its own. */
  readonly account: string | undefined
  /** Whether its shards take no more than those of AWS. */
  readonly shardLimits: boolean
  /** Whether it is Millrace: TLS and HTTP/2 without TLS at the same port. */
  readonly ours: boolean
}

declare module 'vitest' {
  export interface ProvidedContext {
    services: RunningService[]
  }
}

/** How long a service that runs elsewhere has for a page. */
const PAGE_MS = 10_000
/** A read more than a shard of AWS answers in a second. */
const READS = 6

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const endpoint = process.env['MILLRACE_CONFORMANCE_ENDPOINT']
  if (endpoint !== undefined) {
    provide('services', [await describeService(endpoint)])
    return async () => {}
  }
  const folder = await mkdtemp(join(tmpdir(), 'millrace-conformance-'))
  const services: RunningService[] = []
  const closing: (() => Promise<void>)[] = []
  for (const engine of ['memory', 'embedded'] as const)
    for (const shardLimits of ['off', 'aws'] as const) {
      const dataDir = engine === 'memory' ? ':memory:' : join(folder, shardLimits)
      const server = await startServer({ port: 0, dataDir, shardLimits })
      closing.push(() => server.close())
      const limited = shardLimits === 'aws'
      services.push({ engine, endpoint: server.endpoint, account: undefined, shardLimits: limited, ours: true })
    }
  provide('services', services)
  return async () => {
    await Promise.all(closing.map((close) => close()))
    await rm(folder, { recursive: true, force: true })
  }
}

/** Asks a service what it is, in an account of its own if it has such, and leaves nothing behind. */
async function describeService(endpoint: string): Promise<RunningService> {
  const accessKeyId = `9${String(process.hrtime.bigint()).slice(-11)}`
  const sdk = sdkClient(endpoint, accessKeyId)
  const StreamName = `conformance-${accessKeyId}`
  try {
    const unknown = await sdk.send(new DeleteStreamCommand({ StreamName })).catch((error: Error) => error.message)
    const account = /under account (\d{12}) not found/.exec(String(unknown))?.[1]
    if (account === undefined)
      throw new Error(`${endpoint}: expected that it finds no stream '${StreamName}', found: ${String(unknown)}`)
    await sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
    await waitUntilStreamExists({ client: sdk, maxWaitTime: 60, minDelay: 1 }, { StreamName })
    const at = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'LATEST' } as const
    const { ShardIterator } = await sdk.send(new GetShardIteratorCommand(at))
    const reads = await Promise.all(
      Array.from({ length: READS }, () =>
        sdk.send(new GetRecordsCommand({ ShardIterator })).then(() => true, throttledOrThrow),
      ),
    )
    await sdk.send(new DeleteStreamCommand({ StreamName }))
    return {
      engine: 'external',
      endpoint,
      account: account === accessKeyId ? undefined : account,
      shardLimits: reads.includes(false),
      ours: await isOurs(endpoint),
    }
  } finally {
    sdk.destroy()
  }
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
