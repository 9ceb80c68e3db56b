/**
 * What every conformance test stands on: a running service (`services.ts`), an account of its own there if the service
 * has such, and the official AWS SDK pointed at it. Nothing in these tests reaches behind the wire.
 */
import { randomInt } from 'node:crypto'
import { DeleteChannelCommand, DeleteStreamCommand, KinesisClient, paginateListChannels } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterAll, beforeEach, describe, inject, it } from 'vitest'
import { REGION, type RunningService } from './services.ts'

export interface Service extends Omit<RunningService, 'engine' | 'account'> {
  /** Twelve digits, as messages and ARNs have them. */
  readonly account: string
  /** Whether nobody else is in the account: its settings and its sums are the test's own. */
  readonly ownAccount: boolean
  readonly accessKeyId: string
  /**
   * The SDK as it comes: HTTP/2 with prior knowledge, no retries; but where the service has shard limits and the test
   * is not about them, it waits until the shard takes the call.
   */
  readonly sdk: KinesisClient
  /** A name no other test has used. */
  streamName(): string
  streamArn(name: string): string
}

const PATIENCE_MS = 200

export const streamArn = (name: string, account = '000000000000'): string =>
  `arn:aws:kinesis:${REGION}:${account}:stream/${name}`

/** A client of the account 000000000000, or of that which the access key is. */
export function sdkClient(endpoint: string, accessKeyId = 'test', http?: 'http/1.1'): KinesisClient {
  return new KinesisClient({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey: 'test' },
    maxAttempts: 1,
    ...(http === undefined ? {} : { requestHandler: new NodeHttpHandler() }),
  })
}

/**
 * Runs `tests` on every engine (or at the endpoint given). `shardLimits: 'aws'`: they are about the limits of shards,
 * and want a service that has them.
 */
export function onEveryEngine(tests: (service: Service) => void, options: { shardLimits?: 'aws' } = {}): void {
  const limits = options.shardLimits === 'aws'
  const services = inject('services').filter((one) => one.engine === 'external' || one.shardLimits === limits)
  for (const { engine, account, ...running } of services)
    describe(`on the ${engine} engine`, () => {
      const run = process.hrtime.bigint().toString(36)
      const accessKeyId = String(randomInt(100_000_000_000, 200_000_000_000))
      const plain = sdkClient(running.endpoint, accessKeyId)
      const sdk = limits || !running.shardLimits ? plain : patient(plain)
      const names: string[] = []
      const service: Service = {
        ...running,
        account: account ?? accessKeyId,
        ownAccount: account === undefined,
        accessKeyId,
        sdk,
        streamName() {
          const name = `stream-${run}-${names.length}`
          names.push(name)
          return name
        },
        streamArn: (name) => streamArn(name, account ?? accessKeyId),
      }
      if (limits && !running.shardLimits)
        beforeEach(({ skip }) => skip('is about shard limits, and the service has none'))
      afterAll(async () => {
        if (engine === 'external') await leaveNothing(service, names)
        sdk.destroy()
      })
      tests(service)
    })
}

/** Tests that start a server of their own, with options that they choose: they say nothing of one that runs elsewhere. */
export function onOwnServer(name: string, tests: () => void): void {
  describe(name, () => {
    if (inject('services').some(({ engine }) => engine === 'external'))
      it('as a whole', ({ skip }) => skip('starts servers of its own'))
    else tests()
  })
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

/** Has a client call again for as long as a shard has enough for this second. */
function patient(sdk: KinesisClient): KinesisClient {
  sdk.middlewareStack.add(
    (next) => async (call) => {
      for (;;)
        try {
          return await next(call)
        } catch (error) {
          if ((error as Error).name !== 'ProvisionedThroughputExceededException') throw error
          await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))
        }
    },
    { step: 'initialize' },
  )
  return sdk
}

/** Deletes what a file made at a service that lives on. */
async function leaveNothing({ sdk, account }: Service, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const StreamFilter = [{ StreamARN: streamArn(name, account) }]
    try {
      for await (const page of paginateListChannels({ client: sdk }, { StreamFilter }))
        for (const { ChannelARN } of page.ChannelSummaries ?? [])
          await sdk.send(new DeleteChannelCommand({ ChannelARN }))
      await sdk.send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }))
    } catch {
      // It was never made, or is gone.
    }
  }
}
