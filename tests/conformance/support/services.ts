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
  KinesisClient,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis'
import { startServer } from '@millrace/server'
import type { TestProject } from 'vitest/node'

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

export const REGION = 'us-east-1'
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
  const sdk = new KinesisClient({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey: 'test' },
    maxAttempts: 1,
  })
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
    const reads = await Promise.allSettled(
      Array.from({ length: READS }, () => sdk.send(new GetRecordsCommand({ ShardIterator }))),
    )
    await sdk.send(new DeleteStreamCommand({ StreamName }))
    return {
      engine: 'external',
      endpoint,
      account: account === accessKeyId ? undefined : account,
      shardLimits: reads.some(({ status }) => status === 'rejected'),
      ours: (await fetch(`${endpoint}/_health/live`)).status === 200,
    }
  } finally {
    sdk.destroy()
  }
}
