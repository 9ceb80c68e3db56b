/**
 * What the conformance suite runs against, made ready once for the whole run (Vitest's `globalSetup`): each engine,
 * without shard limits and with those of AWS, or the one service at `MILLRACE_CONFORMANCE_ENDPOINT`, which is asked
 * what it is. The test files get what they need to know of each, and nothing else: they speak over the wire only.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@millrace/server'
import type { TestProject } from 'vitest/node'
import { keysOfEnvironment, meetService } from './elsewhere.ts'
import { type Keys, REGION } from './sdk-client.ts'

export interface RunningService {
  readonly engine: 'memory' | 'embedded' | 'external'
  /** `http://…`, without a slash at the end. */
  readonly endpoint: string
  readonly region: string
  /** The account of every request; undefined: a 12-digit access key is an account of its own. */
  readonly account: string | undefined
  /** Of a principal who may do everything; undefined: no signature is verified, and any keys will do. */
  readonly keys: Keys | undefined
  /** What names of streams begin with in this run. */
  readonly prefix: string
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

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const endpoint = process.env['MILLRACE_CONFORMANCE_ENDPOINT']
  if (endpoint !== undefined) {
    const region = process.env['MILLRACE_CONFORMANCE_REGION'] ?? REGION
    const keys = process.env['MILLRACE_CONFORMANCE_SIGN'] === undefined ? undefined : await keysOfEnvironment(region)
    const { service, leave } = await meetService(endpoint, region, keys)
    provide('services', [service])
    return leave
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
      services.push({
        engine,
        endpoint: server.endpoint,
        region: REGION,
        account: undefined,
        keys: undefined,
        prefix: 'stream',
        shardLimits: limited,
        ours: true,
      })
    }
  provide('services', services)
  return async () => {
    await Promise.all(closing.map((close) => close()))
    await rm(folder, { recursive: true, force: true })
  }
}
