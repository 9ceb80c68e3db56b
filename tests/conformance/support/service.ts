/**
 * What every conformance test stands on: a running service and the official AWS SDK pointed at it. By default each
 * engine is started here; `MILLRACE_CONFORMANCE_ENDPOINT` points the same tests at any other service instead.
 * Nothing in these tests reaches behind the wire.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { type ServerOptions, startServer } from '@millrace/server'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterAll, beforeAll, describe } from 'vitest'

export interface Service {
  /** `http://…`, without a slash at the end. */
  readonly endpoint: string
  /** The SDK as it comes: HTTP/2 with prior knowledge, no retries. */
  readonly sdk: KinesisClient
  /** A name no other test has used. */
  streamName(): string
}

const account = '000000000000'
const region = 'us-east-1'
const external = process.env['MILLRACE_CONFORMANCE_ENDPOINT']

export const streamArn = (name: string): string => `arn:aws:kinesis:${region}:${account}:stream/${name}`

export function sdkClient(endpoint: string, http?: 'http/1.1'): KinesisClient {
  return new KinesisClient({
    endpoint,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    ...(http === undefined ? {} : { requestHandler: new NodeHttpHandler() }),
  })
}

/** Runs `tests` against every engine (or the endpoint given). `options` are for services that we start. */
export function onEveryEngine(tests: (service: Service) => void, options: Partial<ServerOptions> = {}): void {
  const engines = external === undefined ? (['memory', 'embedded'] as const) : (['external'] as const)
  for (const engine of engines) {
    describe(`on the ${engine} engine`, () => {
      let endpoint = ''
      let sdk: KinesisClient | undefined
      let close = async (): Promise<void> => {}
      let streams = 0
      const run = Math.trunc(process.hrtime()[1]).toString(36)

      beforeAll(async () => {
        if (engine === 'external') {
          endpoint = external ?? ''
        } else {
          const folder = engine === 'memory' ? undefined : await mkdtemp(join(tmpdir(), 'millrace-conformance-'))
          const server = await startServer({ port: 0, dataDir: folder ?? ':memory:', shardLimits: 'off', ...options })
          endpoint = server.endpoint
          close = async () => {
            await server.close()
            if (folder !== undefined) await rm(folder, { recursive: true, force: true })
          }
        }
        sdk = sdkClient(endpoint)
      })
      afterAll(async () => {
        sdk?.destroy()
        await close()
      })

      tests({
        get endpoint() {
          return endpoint
        },
        get sdk() {
          if (sdk === undefined) throw new Error('the service is started before the first test, not while collecting')
          return sdk
        },
        streamName: () => `stream-${run}-${++streams}`,
      })
    })
  }
}

/** What a call was refused with: its name, message and HTTP status; fails when it was not refused. */
export async function refusal(call: Promise<unknown>): Promise<{ name: string; message: string; status: number }> {
  try {
    await call
  } catch (error) {
    const failure = error as Error & { $metadata?: { httpStatusCode?: number } }
    return { name: failure.name, message: failure.message, status: failure.$metadata?.httpStatusCode ?? 0 }
  }
  throw new Error('expected the call to be refused, but it succeeded')
}
