/**
 * Where a client verb goes: as AWS's tools choose, and where nothing is said, the local server. Loaded only by verbs
 * that go somewhere.
 */
import { KinesisClient, resolveClientSettings } from '@millrace/client'
import type { SessionOptions, Target } from './session.ts'
import type { Shell } from './shell.ts'
import { packageVersion } from './version.ts'

/** Where `millrace start` serves when it is told nothing. */
const LOCAL_ENDPOINT = 'http://localhost:4567'

export async function openTarget(shell: Shell, options: SessionOptions, httpVersion?: '2'): Promise<Target> {
  const { clock, random, env } = shell
  const settings = await resolveClientSettings({
    env,
    endpoint: options.endpointUrl,
    region: options.region,
    profile: options.profile,
    aws: options.aws,
    defaultEndpoint: LOCAL_ENDPOINT,
    clock,
    random,
  })
  const { endpoint, region } = settings
  return {
    client: new KinesisClient({
      ...settings.client,
      // Record data goes as bytes, not as base64: a third less to send and to parse.
      codec: 'cbor',
      ...(httpVersion === undefined ? {} : { httpVersion }),
      ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
      userAgent: `millrace-cli/${packageVersion()}`,
    }),
    description: `${endpoint.value} (${endpoint.source === 'given' ? '--endpoint-url' : endpoint.source}) region ${region.value}`,
    isAws: /\.amazonaws\.(?:com|com\.cn|eu)$|\.api\.aws$/.test(new URL(endpoint.value).hostname),
  }
}
