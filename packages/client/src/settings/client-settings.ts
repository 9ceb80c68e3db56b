/**
 * From an environment and AWS's shared files to what a client needs, as AWS's tools resolve it, each value with the
 * place it came from, so that a command can say where it is about to write. Nothing is asked over the network here;
 * the credentials are looked for when the first call needs them.
 */
import { readFile } from 'node:fs/promises'
import { type Clock, type Logger, type Random, silentLogger, systemClock, systemRandom } from '@millrace/std'
import type { KinesisClientOptions } from '../client-options.ts'
import { findCredentials, findLocalCredentials } from '../credentials/chain.ts'
import { isLoopback } from '../credentials/container-source.ts'
import type { CredentialsProvider } from '../credentials/credentials.ts'
import { SettingsError } from '../errors.ts'
import { openTransport } from '../transport/open-transport.ts'
import { bareHost, type ProxySettings } from '../transport/proxy-settings.ts'
import { awsEndpoint } from './aws-endpoint.ts'
import { configuredEndpoint, type Sourced } from './endpoint.ts'
import { type Environment, isTrue, readVariable } from './environment.ts'
import { loadProfiles, type Profile } from './profiles.ts'

export interface SettingsRequest {
  /** The variables to look at: `process.env` in a command. */
  readonly env: Environment
  /** Beats everything else. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  /** Named in so many words: its keys then beat those in the environment. Default: `AWS_PROFILE`, else `default`. */
  readonly profile?: string | undefined
  /** AWS itself, whatever endpoint the surroundings name. An error together with `endpoint`. */
  readonly aws?: boolean | undefined
  /** Where nothing is said. Without it, an endpoint that nobody names is an error. */
  readonly defaultEndpoint?: string | undefined
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export interface ClientSettings {
  readonly endpoint: Sourced<string>
  readonly region: Sourced<string>
  readonly profile: Sourced<string>
  readonly proxy: Sourced<ProxySettings> | undefined
  readonly ca: Sourced<string> | undefined
  /** All of it, ready for `new KinesisClient(settings.client)`; spread it to add to it. */
  readonly client: KinesisClientOptions
}

/** Not AWS, and nobody said otherwise: the region that the service takes for its own by default. */
const REGION = 'us-east-1'
/** Metadata services answer at once or are not there. */
const NEAR_TIMEOUTS = { connectTimeoutMs: 1_000, responseTimeoutMs: 2_000, silenceTimeoutMs: 2_000 }

/** Rejects with a `SettingsError` that names the setting at fault. */
export async function resolveClientSettings(request: SettingsRequest): Promise<ClientSettings> {
  const { env } = request
  if (request.aws === true && request.endpoint !== undefined)
    throw new SettingsError('Expected an endpoint or AWS itself, found both.')
  const profiles = await loadProfiles(env)
  const profileName = profileOf(request)
  const profile = profiles.find(profileName.value)
  if (profile === undefined && profileName.source !== 'default')
    throw new SettingsError(
      `Expected a profile ${profileName.value} (${profileName.source}) in ${profiles.files}, found none.`,
    )
  const region = regionOf(request, profile)
  const configured = configuredEndpoint('kinesis', env, profile, profiles)
  const endpoint = endpointOf(request, region, configured, profile)
  const ca = await caOf(env, profile)
  const proxy = proxyOf(env, endpoint.value)
  const maxAttempts = maxAttemptsOf(env, profile)
  const connection = {
    ...(ca === undefined ? {} : { ca: ca.value }),
    ...(proxy === undefined ? {} : { proxy: proxy.value }),
  }
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = request
  const local = isLoopback(bareHost(new URL(endpoint.value)))

  const credentials: CredentialsProvider = async () => {
    // Opened for this search and closed after it: keys are looked for once in an hour or so.
    const transport = openTransport({ clock, ...connection })
    const nearTransport = openTransport({ clock, httpVersion: '1.1', timeouts: NEAR_TIMEOUTS })
    try {
      return await (local ? findLocalCredentials : findCredentials)({
        env,
        profiles: await loadProfiles(env),
        profile: { name: profileName.value, explicit: request.profile !== undefined },
        region: region?.value ?? REGION,
        clock,
        random,
        logger,
        transport,
        nearTransport,
      })
    } finally {
      await Promise.all([transport.close(), nearTransport.close()])
    }
  }
  const knownRegion = region ?? { value: REGION, source: 'default' }
  return {
    endpoint,
    region: knownRegion,
    profile: profileName,
    proxy,
    ca,
    client: {
      endpoint: endpoint.value,
      region: knownRegion.value,
      credentials,
      ...connection,
      ...(maxAttempts === undefined ? {} : { retry: { maxAttempts } }),
      clock,
      random,
      logger,
    },
  }
}

function profileOf({ profile, env }: SettingsRequest): Sourced<string> {
  if (profile !== undefined) return { value: profile, source: 'given' }
  const variable = readVariable(env, 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE')
  return variable === undefined
    ? { value: 'default', source: 'default' }
    : { value: variable.value, source: variable.name }
}

function regionOf({ region, env }: SettingsRequest, profile: Profile | undefined): Sourced<string> | undefined {
  if (region !== undefined) return { value: region, source: 'given' }
  const variable = readVariable(env, 'AWS_REGION', 'AWS_DEFAULT_REGION')
  if (variable !== undefined) return { value: variable.value, source: variable.name }
  const ofProfile = profile?.values.get('region')
  return ofProfile === undefined || ofProfile === ''
    ? undefined
    : { value: ofProfile, source: `profile ${profile?.name}` }
}

function endpointOf(
  request: SettingsRequest,
  region: Sourced<string> | undefined,
  configured: Sourced<string> | undefined,
  profile: Profile | undefined,
): Sourced<string> {
  if (request.aws === true) {
    if (region === undefined)
      throw new SettingsError('AWS needs a region: give one, set AWS_REGION, or add "region" to the profile.')
    const fips = flag(request.env, 'AWS_USE_FIPS_ENDPOINT', profile, 'use_fips_endpoint')
    const dualStack = flag(request.env, 'AWS_USE_DUALSTACK_ENDPOINT', profile, 'use_dualstack_endpoint')
    return { value: awsEndpoint('kinesis', region.value, { fips, dualStack }), source: 'AWS' }
  }
  const endpoint =
    request.endpoint === undefined
      ? (configured ??
        (request.defaultEndpoint === undefined ? undefined : { value: request.defaultEndpoint, source: 'default' }))
      : { value: request.endpoint, source: 'given' }
  if (endpoint === undefined)
    throw new SettingsError('No endpoint: give one, set AWS_ENDPOINT_URL_KINESIS, or say that AWS itself is meant.')
  if (!/^https?:\/\//i.test(endpoint.value) || !URL.canParse(endpoint.value))
    throw new SettingsError(
      `Expected an endpoint such as http://localhost:4567, found "${endpoint.value}" (${endpoint.source}).`,
    )
  return endpoint
}

function flag(env: Environment, variable: string, profile: Profile | undefined, property: string): boolean {
  return isTrue(readVariable(env, variable)?.value ?? profile?.values.get(property))
}

async function caOf(env: Environment, profile: Profile | undefined): Promise<Sourced<string> | undefined> {
  const variable = readVariable(env, 'AWS_CA_BUNDLE')
  const path = variable?.value ?? profile?.values.get('ca_bundle')
  if (path === undefined || path === '') return undefined
  const source = `${variable?.name ?? `ca_bundle of profile ${profile?.name}`} (${path})`
  try {
    return { value: await readFile(path, 'utf8'), source }
  } catch (cause) {
    throw new SettingsError(`Could not read the certificates of ${source}.`, { cause })
  }
}

/** A proxy cannot reach this machine's own loopback, so endpoints there are never sent through one. */
function proxyOf(env: Environment, endpoint: string): Sourced<ProxySettings> | undefined {
  const url = new URL(endpoint)
  if (isLoopback(bareHost(url))) return undefined
  const variable =
    url.protocol === 'https:'
      ? readVariable(env, 'HTTPS_PROXY', 'https_proxy')
      : readVariable(env, 'HTTP_PROXY', 'http_proxy')
  if (variable === undefined) return undefined
  const proxy = /^[a-z][a-z0-9+.-]*:\/\//i.test(variable.value) ? variable.value : `http://${variable.value}`
  if (!URL.canParse(proxy) || !/^https?:$/.test(new URL(proxy).protocol))
    throw new SettingsError(`Expected an http: or https: URL in ${variable.name}.`)
  const except = readVariable(env, 'NO_PROXY', 'no_proxy')
  return { value: { url: proxy, ...(except === undefined ? {} : { except: except.value }) }, source: variable.name }
}

function maxAttemptsOf(env: Environment, profile: Profile | undefined): number | undefined {
  const variable = readVariable(env, 'AWS_MAX_ATTEMPTS')
  const text = variable?.value ?? profile?.values.get('max_attempts')
  if (text === undefined || text === '') return undefined
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new SettingsError(
      `Expected a number from 1 to 999 in ${variable?.name ?? `max_attempts of profile ${profile?.name}`}, found "${text}".`,
    )
  return Number(text)
}
