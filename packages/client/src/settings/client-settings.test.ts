import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KinesisClient } from '../client.ts'
import { fakeEndpoint } from '../testing/fake-endpoint.ts'
import { localhostCertificate } from '../testing/localhost-certificate.ts'
import { resolveClientSettings, type SettingsRequest } from './client-settings.ts'

let folder = ''

const config = `
[default]
region = eu-central-1

[profile dev]
region = eu-west-1
endpoint_url = http://profile.test
services = local
[services local]
kinesis =
  endpoint_url = http://services.test

[profile plain]
endpoint_url = http://profile.test
max_attempts = 7
aws_access_key_id = PLAIN
aws_secret_access_key = s

[profile quiet]
endpoint_url = http://profile.test
ignore_configured_endpoint_urls = true

[profile china]
region = cn-north-1
`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-settings-'))
  await writeFile(join(folder, 'config'), config)
  await writeFile(
    join(folder, 'credentials'),
    '[plain]\naws_access_key_id = FROM_CREDENTIALS\naws_secret_access_key = t\n',
  )
  await writeFile(join(folder, 'ca.pem'), localhostCertificate.cert)
})
afterAll(() => rm(folder, { recursive: true }))

type Env = Record<string, string>

function resolve(env: Env, more: Omit<SettingsRequest, 'env'> = {}) {
  const files = { AWS_CONFIG_FILE: join(folder, 'config'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') }
  return resolveClientSettings({ env: { ...files, ...env }, defaultEndpoint: 'http://localhost:4567', ...more })
}

describe('the endpoint', () => {
  const both = {
    AWS_ENDPOINT_URL_KINESIS: 'http://kinesis.env',
    AWS_ENDPOINT_URL: 'http://all.env',
    AWS_PROFILE: 'dev',
  }
  const rows: { name: string; env: Env; more?: Omit<SettingsRequest, 'env'>; endpoint: string; source: string }[] = [
    {
      name: 'given in so many words',
      env: both,
      more: { endpoint: 'http://given.test' },
      endpoint: 'http://given.test',
      source: 'given',
    },
    {
      name: 'of the service in the environment',
      env: both,
      endpoint: 'http://kinesis.env',
      source: 'AWS_ENDPOINT_URL_KINESIS',
    },
    {
      name: 'of all services in the environment',
      env: { AWS_ENDPOINT_URL: 'http://all.env', AWS_PROFILE: 'dev' },
      endpoint: 'http://all.env',
      source: 'AWS_ENDPOINT_URL',
    },
    {
      name: 'of the services section of the profile',
      env: { AWS_PROFILE: 'dev' },
      endpoint: 'http://services.test',
      source: 'profile dev, services local',
    },
    {
      name: 'of the profile',
      env: { AWS_PROFILE: 'plain' },
      endpoint: 'http://profile.test',
      source: 'profile plain, endpoint_url',
    },
    { name: 'that the caller falls back to', env: {}, endpoint: 'http://localhost:4567', source: 'default' },
    {
      name: 'that the caller falls back to when the environment’s is empty',
      env: { AWS_ENDPOINT_URL: '' },
      endpoint: 'http://localhost:4567',
      source: 'default',
    },
    {
      name: 'that the caller falls back to when configured ones are ignored',
      env: { ...both, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
      endpoint: 'http://localhost:4567',
      source: 'default',
    },
    {
      name: 'that the caller falls back to when the profile ignores configured ones',
      env: { AWS_PROFILE: 'quiet' },
      endpoint: 'http://localhost:4567',
      source: 'default',
    },
    {
      name: 'of AWS itself, whatever is configured',
      env: both,
      more: { aws: true },
      endpoint: 'https://kinesis.eu-west-1.amazonaws.com',
      source: 'AWS',
    },
    {
      name: 'of AWS in China',
      env: { AWS_PROFILE: 'china' },
      more: { aws: true },
      endpoint: 'https://kinesis.cn-north-1.amazonaws.com.cn',
      source: 'AWS',
    },
    {
      name: 'of AWS with FIPS',
      env: { AWS_REGION: 'us-west-2', AWS_USE_FIPS_ENDPOINT: 'true' },
      more: { aws: true },
      endpoint: 'https://kinesis-fips.us-west-2.amazonaws.com',
      source: 'AWS',
    },
    {
      name: 'of GovCloud, which is FIPS already',
      env: { AWS_REGION: 'us-gov-west-1', AWS_USE_FIPS_ENDPOINT: 'true' },
      more: { aws: true },
      endpoint: 'https://kinesis.us-gov-west-1.amazonaws.com',
      source: 'AWS',
    },
    {
      name: 'of AWS over IPv6 too',
      env: { AWS_REGION: 'us-west-2', AWS_USE_DUALSTACK_ENDPOINT: 'true' },
      more: { aws: true },
      endpoint: 'https://kinesis.us-west-2.api.aws',
      source: 'AWS',
    },
  ]
  for (const { name, env, more, endpoint, source } of rows)
    it(`is the one ${name}`, async () => {
      const settings = await resolve(env, more)
      expect(settings.endpoint).toEqual({ value: endpoint, source })
      expect(settings.client.endpoint).toBe(endpoint)
    })
})

describe('the region', () => {
  const rows: { env: Env; more?: Omit<SettingsRequest, 'env'>; region: string; source: string }[] = [
    { env: { AWS_REGION: 'a-1' }, more: { region: 'g-1' }, region: 'g-1', source: 'given' },
    { env: { AWS_REGION: 'a-1', AWS_DEFAULT_REGION: 'd-1' }, region: 'a-1', source: 'AWS_REGION' },
    { env: { AWS_DEFAULT_REGION: 'd-1', AWS_PROFILE: 'dev' }, region: 'd-1', source: 'AWS_DEFAULT_REGION' },
    { env: { AWS_PROFILE: 'dev' }, region: 'eu-west-1', source: 'profile dev' },
    { env: {}, region: 'eu-central-1', source: 'profile default' },
    { env: { AWS_PROFILE: 'plain' }, region: 'us-east-1', source: 'default' },
  ]
  for (const { env, more, region, source } of rows)
    it(`is ${region}, from: ${source}`, async () => {
      expect((await resolve(env, more)).region).toEqual({ value: region, source })
    })
})

describe('what cannot be', () => {
  const rows: { name: string; env?: Env; more: Omit<SettingsRequest, 'env'>; text: RegExp }[] = [
    { name: 'an endpoint and AWS', more: { endpoint: 'http://x', aws: true }, text: /found both/ },
    { name: 'AWS without a region', env: { AWS_PROFILE: 'plain' }, more: { aws: true }, text: /set AWS_REGION/ },
    {
      name: 'an endpoint without a scheme',
      more: { endpoint: 'localhost:4567' },
      text: /Expected an endpoint such as http:\/\/localhost:4567, found "localhost:4567" \(given\)/,
    },
    {
      name: 'a profile that is not there',
      more: { profile: 'nobody' },
      text: /Expected a profile nobody \(given\) in .*config and .*credentials/,
    },
    {
      name: 'a profile in the environment that is not there',
      env: { AWS_PROFILE: 'nobody' },
      more: {},
      text: /nobody \(AWS_PROFILE\)/,
    },
    {
      name: 'a CA bundle that is not there',
      env: { AWS_CA_BUNDLE: '/nowhere/ca.pem' },
      more: {},
      text: /AWS_CA_BUNDLE \(\/nowhere\/ca.pem\)/,
    },
    {
      name: 'a number of attempts that is none',
      env: { AWS_MAX_ATTEMPTS: 'many' },
      more: {},
      text: /AWS_MAX_ATTEMPTS, found "many"/,
    },
    {
      name: 'a proxy of another kind',
      env: { HTTP_PROXY: 'socks5://p:1' },
      more: { endpoint: 'http://far.test' },
      text: /HTTP_PROXY/,
    },
  ]
  for (const { name, env, more, text } of rows)
    it(`is a SettingsError that names it: ${name}`, async () => {
      const settings = resolve(env ?? {}, more)
      await expect(settings).rejects.toThrow(text)
      await expect(settings).rejects.toMatchObject({ name: 'SettingsError' })
    })

  it('no endpoint anywhere, and no default', async () => {
    await expect(resolveClientSettings({ env: { HOME: folder } })).rejects.toThrow('AWS_ENDPOINT_URL_KINESIS')
  })
})

describe('the proxy', () => {
  const rows: { env: Env; endpoint: string; proxy: string | undefined }[] = [
    { env: { HTTPS_PROXY: 'http://p:1' }, endpoint: 'https://far.test', proxy: 'http://p:1' },
    { env: { https_proxy: 'p:1' }, endpoint: 'https://far.test', proxy: 'http://p:1' },
    { env: { HTTPS_PROXY: 'http://p:1' }, endpoint: 'http://far.test', proxy: undefined },
    { env: { HTTP_PROXY: 'http://p:1' }, endpoint: 'http://far.test', proxy: 'http://p:1' },
    { env: { HTTP_PROXY: 'http://p:1' }, endpoint: 'http://localhost:4567', proxy: undefined },
    { env: { HTTPS_PROXY: 'http://p:1' }, endpoint: 'https://[::1]:4567', proxy: undefined },
  ]
  for (const { env, endpoint, proxy } of rows)
    it(`to ${endpoint} with ${JSON.stringify(env)} is ${proxy ?? 'none'}`, async () => {
      expect((await resolve(env, { endpoint })).client.proxy?.url).toBe(proxy)
    })
})

describe('a client made from settings', () => {
  it('trusts AWS_CA_BUNDLE and signs with the profile’s keys, those of the credentials file first', async () => {
    const server = await fakeEndpoint({ protocol: 'tls', answer: () => ({ output: { Shards: [] } }) })
    const env = { AWS_CA_BUNDLE: join(folder, 'ca.pem'), AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 'x' }
    const settings = await resolve(env, { endpoint: server.url, profile: 'plain' })
    const client = new KinesisClient(settings.client)
    try {
      await client.listShards({ StreamName: 's' })
      expect(server.seen[0]?.headers['authorization']).toContain('Credential=FROM_CREDENTIALS/')
      expect(server.seen[0]?.headers['amz-sdk-request']).toBe('attempt=1; max=7')
    } finally {
      await client.close()
      await server.close()
    }
  })

  it('signs with made-up keys where a local server is meant and no keys are to be found', async () => {
    const server = await fakeEndpoint({ answer: () => ({ output: { Shards: [] } }) })
    const client = new KinesisClient((await resolve({}, { endpoint: server.url })).client)
    try {
      await client.listShards({ StreamName: 's' })
      expect(server.seen[0]?.headers['authorization']).toContain('Credential=local/')
    } finally {
      await client.close()
      await server.close()
    }
  })
})
