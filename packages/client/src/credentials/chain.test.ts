import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSignature, SigningKeyCache, verifySignature } from '@millrace/protocol'
import { silentLogger, systemClock, systemRandom } from '@millrace/std'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadProfiles } from '../settings/profiles.ts'
import { openTransport } from '../transport/open-transport.ts'
import { findCredentials, findLocalCredentials } from './chain.ts'
import type { Credentials } from './credentials.ts'

let folder = ''
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-credentials-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

type Env = Record<string, string>

/** No metadata service unless the test names one. */
const noMetadata: Env = { AWS_EC2_METADATA_DISABLED: 'true' }

interface Given {
  readonly env?: Env
  readonly config?: string
  readonly credentials?: string
  readonly profile?: string
  readonly local?: boolean
}

async function find({ env = {}, config = '', credentials = '', profile, local = false }: Given): Promise<Credentials> {
  const files = { AWS_CONFIG_FILE: join(folder, 'config'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') }
  await writeFile(files.AWS_CONFIG_FILE, config)
  await writeFile(files.AWS_SHARED_CREDENTIALS_FILE, credentials)
  const whole = { ...noMetadata, ...files, ...env }
  const transport = openTransport({ clock: systemClock, httpVersion: '1.1', timeouts: { responseTimeoutMs: 300 } })
  open.push(transport)
  return (local ? findLocalCredentials : findCredentials)({
    env: whole,
    profiles: await loadProfiles(whole),
    profile: { name: profile ?? 'default', explicit: profile !== undefined },
    region: 'eu-west-1',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    transport,
    nearTransport: transport,
  })
}

type Route = (request: IncomingMessage, body: string) => { status?: number; body: string } | undefined

/** An HTTP service on loopback; a route that gives nothing is never answered. */
async function service(route: Route): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    void (async () => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      asked.push(`${request.method} ${request.url}`)
      const answer = route(request, body)
      if (answer === undefined) return
      response.writeHead(answer.status ?? 200)
      response.end(answer.body)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const envKeys: Env = { AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 'env-secret' }
const document = {
  AccessKeyId: 'DOC',
  SecretAccessKey: 'doc-secret',
  Token: 'doc-token',
  Expiration: '2030-01-01T00:00:00Z',
}
const documentKeys = {
  accessKeyId: 'DOC',
  secretAccessKey: 'doc-secret',
  sessionToken: 'doc-token',
  expiresAtMs: Date.UTC(2030, 0, 1),
}

describe('keys in the environment', () => {
  it('come first, with their token and their end', async () => {
    const env = { ...envKeys, AWS_SESSION_TOKEN: 'token', AWS_CREDENTIAL_EXPIRATION: '2030-01-01T00:00:00Z' }
    const credentials = '[default]\naws_access_key_id = FILE\naws_secret_access_key = s'
    expect(await find({ env, credentials })).toEqual({
      accessKeyId: 'ENV',
      secretAccessKey: 'env-secret',
      sessionToken: 'token',
      expiresAtMs: Date.UTC(2030, 0, 1),
      source: 'environment',
    })
  })

  it('give way to a profile that was named', async () => {
    const credentials = '[mine]\naws_access_key_id = FILE\naws_secret_access_key = s\naws_session_token = t'
    expect(await find({ env: envKeys, credentials, profile: 'mine' })).toMatchObject({
      accessKeyId: 'FILE',
      sessionToken: 't',
      source: 'profile mine',
    })
  })

  it('must be both or none', async () => {
    await expect(find({ env: { AWS_ACCESS_KEY_ID: 'K' } })).rejects.toThrow('AWS_SECRET_ACCESS_KEY is not: set both')
    await expect(find({ env: { AWS_SECRET_ACCESS_KEY: 'hush' } })).rejects.toThrow(
      /^AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not/,
    )
  })
})

describe('credential_process', () => {
  const command = (output: unknown): string =>
    `"${process.execPath}" -e "console.log(process.env.OUTPUT)" # ${typeof output}`
  const run = (output: string): Promise<Credentials> =>
    find({ env: { OUTPUT: output }, config: `[default]\ncredential_process = ${command(output)}` })

  it('gives what the command prints, and runs it in the environment that was handed in', async () => {
    const { Token, ...keys } = document
    expect(await run(JSON.stringify({ Version: 1, ...keys, SessionToken: Token }))).toMatchObject(documentKeys)
  })

  const rows = [
    { name: 'another version', output: JSON.stringify({ Version: 2, ...document }), text: '"Version": 1' },
    { name: 'no JSON', output: 'hush: secret', text: 'Expected a JSON object' },
    { name: 'half of the keys', output: '{"Version":1,"AccessKeyId":"K"}', text: 'AccessKeyId and SecretAccessKey' },
    {
      name: 'an end that is no time',
      output: JSON.stringify({ Version: 1, ...document, Expiration: 'soon' }),
      text: 'Expected a time',
    },
  ]
  for (const { name, output, text } of rows)
    it(`is refused with ${name}, and never quoted`, async () => {
      const found = run(output)
      await expect(found).rejects.toThrow(text)
      await expect(found).rejects.not.toThrow(/secret|hush/)
      await expect(found).rejects.toMatchObject({ name: 'CredentialsError' })
    })

  it('that fails says how it ended, not what it was', async () => {
    const found = find({
      config: `[default]\ncredential_process = "${process.execPath}" -e "process.exit(3)" hush`,
    })
    await expect(found).rejects.toThrow('ended with status 3')
    await expect(found).rejects.not.toThrow('hush')
  })
})

describe('a container’s endpoint', () => {
  it('is asked with the token of its file, read anew', async () => {
    const agent = await service((request) =>
      request.headers.authorization === 'token-1' ? { body: JSON.stringify(document) } : { status: 403, body: '' },
    )
    await writeFile(join(folder, 'token'), 'token-1\n')
    const env = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/v1/credentials?id=7`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, 'token'),
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'ignored',
    }
    expect(await find({ env })).toMatchObject(documentKeys)
    expect(agent.asked).toEqual(['GET /v1/credentials?id=7'])
  })

  it('must be near or speak TLS', async () => {
    for (const uri of ['http://example.com/keys', 'http://169.254.1.1/keys', 'ftp://localhost/keys'])
      await expect(find({ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri } })).rejects.toThrow(
        'Expected https:, or http: to this host',
      )
  })

  it('that answers with an error stops the search', async () => {
    const agent = await service(() => ({ status: 500, body: 'oops' }))
    const found = find({ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: agent.url } })
    await expect(found).rejects.toMatchObject({ name: 'CredentialsError', retryable: true })
  })

  it('may not be sent a token of several lines', async () => {
    const env = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://localhost:1/',
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'a\r\nx-evil: 1',
    }
    await expect(find({ env })).rejects.toThrow('token on one line')
  })
})

describe('the instance metadata service', () => {
  const imds = (more: Route = () => undefined) =>
    service((request, body) => {
      if (request.method === 'PUT' && request.url === '/latest/api/token')
        return request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === '21600'
          ? { body: 'T' }
          : { status: 400, body: '' }
      if (request.headers['x-aws-ec2-metadata-token'] !== 'T') return { status: 401, body: '' }
      return more(request, body)
    })
  const roleRoute: Route = ({ url }) => {
    if (url === '/latest/meta-data/iam/security-credentials/') return { body: 'my-role\n' }
    if (url === '/latest/meta-data/iam/security-credentials/my-role')
      return { body: JSON.stringify({ Code: 'Success', ...document }) }
    return { status: 404, body: '' }
  }
  const at = (url: string): Env => ({ AWS_EC2_METADATA_DISABLED: '', AWS_EC2_METADATA_SERVICE_ENDPOINT: url })

  it('gives the role’s keys for a token (version 2)', async () => {
    const { url } = await imds(roleRoute)
    expect(await find({ env: at(url) })).toMatchObject(documentKeys)
  })

  it('is the last place to look', async () => {
    const { url, asked } = await imds(roleRoute)
    expect(await find({ env: { ...at(url), ...envKeys } })).toMatchObject({ accessKeyId: 'ENV' })
    expect(asked).toEqual([])
  })

  it('is not asked when it is disabled', async () => {
    const { url, asked } = await imds(roleRoute)
    await expect(find({ env: { ...at(url), AWS_EC2_METADATA_DISABLED: 'true' } })).rejects.toThrow(
      'No credentials found',
    )
    expect(asked).toEqual([])
  })

  const absent: { name: string; route: Route }[] = [
    { name: 'nobody answers', route: () => undefined },
    { name: 'something else answers', route: () => ({ status: 404, body: '' }) },
  ]
  for (const { name, route } of absent)
    it(`is taken for absent when ${name}`, async () => {
      const { url } = await service(route)
      const found = find({ env: at(url) })
      await expect(found).rejects.toThrow(/No credentials found: .*AWS_ACCESS_KEY_ID.*profile default.*aws configure/)
      await expect(found).rejects.toMatchObject({ retryable: false })
    })

  it('is taken for absent on a machine without a role', async () => {
    const { url } = await imds(() => ({ status: 404, body: '' }))
    await expect(find({ env: at(url) })).rejects.toThrow('No credentials found')
  })

  it('that has a role but no keys is an error', async () => {
    const { url } = await imds(({ url: path }) =>
      path?.endsWith('/') ? { body: 'r' } : { body: '{"Code":"AssumeRoleUnauthorizedAccess"}' },
    )
    await expect(find({ env: at(url) })).rejects.toThrow('AssumeRoleUnauthorizedAccess')
  })

  it('is not waited for where a local server is meant', async () => {
    const { url, asked } = await imds(roleRoute)
    expect(await find({ env: at(url), local: true })).toMatchObject({ accessKeyId: 'local' })
    expect(asked).toEqual([])
  })
})

describe('a server on this machine', () => {
  const rows = [
    { name: 'what is set up', given: { env: envKeys }, key: 'ENV' },
    { name: 'made-up keys where nothing is', given: {}, key: 'local' },
    {
      name: 'made-up keys where a sign-in at AWS would be needed',
      given: { config: '[default]\nsso_session = s' },
      key: 'local',
    },
  ]
  for (const { name, given, key } of rows)
    it(`is signed to with ${name}`, async () => {
      expect(await find({ ...given, local: true })).toMatchObject({ accessKeyId: key })
    })

  it('does not hide that a source is broken', async () => {
    await expect(find({ env: { AWS_ACCESS_KEY_ID: 'K' }, local: true })).rejects.toThrow('is not: set both')
  })
})

describe('a role', () => {
  const xml = (action: string): string =>
    `<${action}Response><${action}Result><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>` +
    `<SessionToken>role-token</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></${action}Result></${action}Response>`
  const roleKeys = {
    accessKeyId: 'ROLE',
    secretAccessKey: 'role-secret',
    sessionToken: 'role-token',
    expiresAtMs: Date.UTC(2030, 0, 1),
  }

  /** Verifies signatures of SOURCE with its secret; calls without one must carry a web identity. */
  const sts = () =>
    service((request, body) => {
      const form = new URLSearchParams(body)
      const action = form.get('Action') ?? ''
      if (action === 'AssumeRole') {
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        )
        const signable = { method: 'POST', url: request.url ?? '', headers, body: Buffer.from(body) }
        const claim = readSignature(signable)
        if (!claim.credential.startsWith('SOURCE/') || !claim.credential.endsWith('/eu-west-1/sts/aws4_request'))
          return { status: 403, body: '<Code>AccessDenied</Code>' }
        verifySignature(claim, signable, {
          secretAccessKey: 'source-secret',
          nowMs: Date.now(),
          keys: new SigningKeyCache(),
          service: 'sts',
        })
      } else if (form.get('WebIdentityToken') !== 'jwt')
        return { status: 400, body: '<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>' }
      return { body: xml(action) }
    })
  const source = '[source]\naws_access_key_id = SOURCE\naws_secret_access_key = source-secret\n'

  it('is assumed with the keys of source_profile', async () => {
    const { url } = await sts()
    const config = `[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\nexternal_id = x\n`
    expect(await find({ env: { AWS_ENDPOINT_URL_STS: url }, config, credentials: source })).toMatchObject(roleKeys)
  })

  it('is assumed with the keys of the same profile when it names itself', async () => {
    const { url } = await sts()
    const config = `[profile source]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\n`
    expect(
      await find({ env: { AWS_ENDPOINT_URL_STS: url }, config, credentials: source, profile: 'source' }),
    ).toMatchObject(roleKeys)
  })

  it('is assumed with the keys of the environment when credential_source says so', async () => {
    const { url } = await sts()
    const env = { AWS_ENDPOINT_URL_STS: url, AWS_ACCESS_KEY_ID: 'SOURCE', AWS_SECRET_ACCESS_KEY: 'source-secret' }
    const config = `[profile r]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Environment\n`
    expect(await find({ env, config, profile: 'r' })).toMatchObject(roleKeys)
  })

  it('is assumed with a web identity, as Kubernetes sets it up', async () => {
    const { url } = await sts()
    await writeFile(join(folder, 'jwt'), 'jwt\n')
    const env = {
      AWS_ENDPOINT_URL_STS: url,
      AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'jwt'),
    }
    expect(await find({ env })).toMatchObject({ ...roleKeys, source: 'role arn:aws:iam::1:role/r' })
  })

  it('that is refused says which, where and why, and never shows the token', async () => {
    const { url } = await sts()
    await writeFile(join(folder, 'jwt'), 'stolen')
    const env = {
      AWS_ENDPOINT_URL_STS: url,
      AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'jwt'),
    }
    const found = find({ env })
    await expect(found).rejects.toThrow(
      `No credentials from AssumeRoleWithWebIdentity of arn:aws:iam::1:role/r at ${url}: status 400, InvalidIdentityToken.`,
    )
    await expect(found).rejects.not.toThrow('stolen')
  })

  const rows = [
    { name: 'nothing to assume it with', config: '[default]\nrole_arn = r', text: 'expected source_profile' },
    {
      name: 'a source_profile without keys',
      config: '[default]\nrole_arn = r\nsource_profile = gone',
      text: 'source_profile = gone gives no credentials',
    },
    {
      name: 'a circle',
      config: '[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = default',
      text: 'circle: default → b → default',
    },
    {
      name: 'a second factor',
      config: '[default]\nrole_arn = r\nsource_profile = source\nmfa_serial = m',
      text: 'mfa_serial, which is not supported',
    },
    {
      name: 'single sign-on',
      config: '[default]\nsso_session = s',
      text: 'credential_process = aws configure export-credentials --profile default',
    },
    {
      name: 'keys of which one is missing',
      config: '[default]\naws_access_key_id = K',
      text: 'found only one of them',
    },
  ]
  for (const { name, config, text } of rows)
    it(`cannot be had with ${name}, and the message says what would do`, async () => {
      await expect(find({ config, credentials: source })).rejects.toThrow(text)
    })
})
