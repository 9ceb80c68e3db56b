/**
 * What every conformance test stands on: a running service (`services.ts`), an account of its own there if the service
 * has such, and the official AWS SDK pointed at it. Nothing in these tests reaches behind the wire.
 */
import { randomInt } from 'node:crypto'
import type { KinesisClient, KinesisServiceException } from '@aws-sdk/client-kinesis'
import { afterAll, beforeEach, describe, inject, it } from 'vitest'
import { removeStreams } from './cleaning.ts'
import { patient } from './patient.ts'
import { type Keys, sdkClient, streamArn, type Transport } from './sdk-client.ts'
import type { RunningService } from './services.ts'
import { type Settled, settled, settling } from './settling.ts'

export interface Service extends Omit<RunningService, 'engine' | 'account' | 'prefix' | 'keys'> {
  /** Twelve digits, as messages and ARNs have them. */
  readonly account: string
  /** Whether nobody else is in the account: its settings and its sums are the test's own. */
  readonly ownAccount: boolean
  readonly keys: Keys
  /** Whether the service verifies signatures, or may: requests made by hand are signed with the keys. */
  readonly signs: boolean
  /** Whether it was there before the tests, and goes on afterwards. */
  readonly livesOn: boolean
  /**
   * The SDK as it comes: HTTP/2 with prior knowledge, no retries; but where the service has shard limits and the test
   * is not about them, it waits until the shard takes the call, and where a change may take its time, for its end.
   */
  readonly sdk: KinesisClient
  /** Another one, for who makes it to destroy. Default: it speaks as the SDK does by itself. */
  newClient(transport?: Transport): KinesisClient
  /** A name no other test has used. */
  streamName(): string
  streamArn(name: string): string
  /** Waits until what was changed by other means than `sdk` is at rest. */
  settled(changed: Settled): Promise<void>
}

/**
 * Runs `tests` on every engine (or at the endpoint given). `shardLimits: 'aws'`: they are about the limits of shards,
 * and want a service that has them.
 */
export function onEveryEngine(tests: (service: Service) => void, options: { shardLimits?: 'aws' } = {}): void {
  const limits = options.shardLimits === 'aws'
  const services = inject('services').filter((one) => one.engine === 'external' || one.shardLimits === limits)
  for (const { engine, account: givenAccount, prefix, keys: givenKeys, ...running } of services)
    describe(`on the ${engine} engine`, () => {
      const livesOn = engine === 'external'
      const keys = givenKeys ?? {
        accessKeyId: String(randomInt(100_000_000_000, 200_000_000_000)),
        secretAccessKey: 'test',
      }
      const account = givenAccount ?? keys.accessKeyId
      const newClient = (transport?: Transport): KinesisClient => {
        const sdk = sdkClient(running.endpoint, keys, transport, running.region)
        if (livesOn) settling(sdk)
        return limits || !running.shardLimits ? sdk : patient(sdk)
      }
      const sdk = newClient()
      const ownNames = `${prefix}-${process.hrtime.bigint().toString(36)}-`
      let names = 0
      const service: Service = {
        ...running,
        account,
        ownAccount: givenAccount === undefined,
        keys,
        signs: givenKeys !== undefined,
        livesOn,
        sdk,
        newClient,
        streamName: () => `${ownNames}${names++}`,
        streamArn: (name) => streamArn(name, account, running.region),
        settled: async (changed) => {
          if (livesOn) await settled(sdk, changed)
        },
      }
      if (limits && !running.shardLimits)
        beforeEach(({ skip }) => skip('is about shard limits, and the service has none'))
      afterAll(async () => {
        if (livesOn && names > 0) await removeStreams(sdk, ownNames, service.streamArn)
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
