/**
 * What every conformance test stands on: a running service (`services.ts`), an account of its own there if the service
 * has such, and the official AWS SDK pointed at it. Nothing in these tests reaches behind the wire.
 */
import { randomInt } from 'node:crypto'
import {
  DeleteChannelCommand,
  DeleteStreamCommand,
  type KinesisClient,
  type KinesisServiceException,
  paginateListChannels,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeEach, describe, inject, it } from 'vitest'
import { patient } from './patient.ts'
import { REGION, sdkClient } from './sdk-client.ts'
import type { RunningService } from './services.ts'

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

export const streamArn = (name: string, account = '000000000000'): string =>
  `arn:aws:kinesis:${REGION}:${account}:stream/${name}`

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

/**
 * What the service refused a call with: its name, message and HTTP status (0: it was told inside an event stream). Fails when
 * it was not refused, and when it failed by itself, without an answer.
 */
export async function refusal(call: Promise<unknown>): Promise<{ name: string; message: string; status: number }> {
  try {
    await call
  } catch (error) {
    const { name, message, $fault, $metadata } = error as Error & Partial<KinesisServiceException>
    const status = $metadata?.httpStatusCode ?? 0
    if ($fault === undefined && status === 0) throw error
    return { name, message, status }
  }
  throw new Error('expected the call to be refused, but it succeeded')
}

/** Deletes what a file made at a service that lives on. Fails with what it has to leave behind. */
async function leaveNothing({ sdk, account }: Service, names: readonly string[]): Promise<void> {
  const left: string[] = []
  for (const name of names)
    try {
      // There may be no channels at all at a service that is not ours.
      await deleteChannels(sdk, streamArn(name, account)).catch(unless('UnknownOperationException'))
      // It was never made, or is gone.
      const command = new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true })
      await sdk.send(command).catch(unless('ResourceNotFoundException'))
    } catch (error) {
      left.push(`${name}: ${String(error)}`)
    }
  if (left.length > 0) throw new Error(`these streams are left behind:\n${left.join('\n')}`)
}

async function deleteChannels(sdk: KinesisClient, StreamARN: string): Promise<void> {
  for await (const page of paginateListChannels({ client: sdk }, { StreamFilter: [{ StreamARN }] }))
    for (const { ChannelARN } of page.ChannelSummaries ?? []) await sdk.send(new DeleteChannelCommand({ ChannelARN }))
}

/** A handler of rejections that passes over errors of this name, and of streams that are not there. */
function unless(name: string): (error: unknown) => void {
  return (error) => {
    const found = (error as Error).name
    if (found !== name && found !== 'ResourceNotFoundException') throw error
  }
}
