/**
 * The two calls of AWS's Security Token Service that turn one identity into a role's temporary keys. The service
 * answers in XML; four elements of it are read, and of an error its code.
 */
import { signRequest } from '@millrace/protocol'
import { CredentialsError } from '../errors.ts'
import { awsEndpoint } from '../settings/aws-endpoint.ts'
import { configuredEndpoint } from '../settings/endpoint.ts'
import type { Credentials } from './credentials.ts'
import type { SourceContext } from './credential-source.ts'
import { parseExpiration } from './credentials-document.ts'
import { requestText } from './request-text.ts'

const API_VERSION = '2011-06-15'

export interface Role {
  readonly arn: string
  readonly sessionName: string | undefined
  readonly externalId?: string | undefined
  readonly durationSeconds?: string | undefined
}

/** `with`: the keys that may assume the role. */
export function assumeRole(role: Role, keys: Credentials, context: SourceContext): Promise<Credentials> {
  return ask('AssumeRole', role, {}, keys, context)
}

/** `token`: what an identity provider says of us; it takes the place of a signature. */
export function assumeRoleWithWebIdentity(role: Role, token: string, context: SourceContext): Promise<Credentials> {
  return ask('AssumeRoleWithWebIdentity', role, { WebIdentityToken: token.trim() }, undefined, context)
}

async function ask(
  action: string,
  role: Role,
  more: Readonly<Record<string, string>>,
  keys: Credentials | undefined,
  context: SourceContext,
): Promise<Credentials> {
  const { env, profiles, profile, region, clock } = context
  const configured = configuredEndpoint('sts', env, profiles.find(profile.name), profiles)
  const url = new URL(configured?.value ?? awsEndpoint('sts', region, { fips: false, dualStack: false }))
  const form = new URLSearchParams({
    Action: action,
    Version: API_VERSION,
    RoleArn: role.arn,
    RoleSessionName: role.sessionName ?? `millrace-${clock.now()}`,
    ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
    ...(role.durationSeconds === undefined ? {} : { DurationSeconds: role.durationSeconds }),
    ...more,
  })
  const body = new TextEncoder().encode(form.toString())
  const plain = { host: url.host, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const unsigned = { method: 'POST', url: url.pathname + url.search, headers: plain, body }
  const headers =
    keys === undefined
      ? plain
      : { ...plain, ...signRequest(unsigned, { ...keys, region, service: 'sts', nowMs: clock.now() }) }
  const what = `${action} of ${role.arn} at ${url.origin}`
  const { status, text } = await requestText(context.transport, { method: 'POST', url, headers, body }, what)
  if (status !== 200) {
    const code = element(text, 'Code') ?? 'no error code'
    throw new CredentialsError(`No credentials from ${what}: status ${status}, ${code}.`, { retryable: status >= 500 })
  }
  const accessKeyId = element(text, 'AccessKeyId')
  const secretAccessKey = element(text, 'SecretAccessKey')
  const sessionToken = element(text, 'SessionToken')
  const expiration = element(text, 'Expiration')
  if (!accessKeyId || !secretAccessKey || !sessionToken || !expiration)
    throw new CredentialsError(`Expected temporary keys from ${what}, found an answer without them.`)
  const expiresAtMs = parseExpiration(expiration, what)
  return { accessKeyId, secretAccessKey, sessionToken, expiresAtMs, source: `role ${role.arn}` }
}

/** The text of the first element of that name. Keys and codes hold nothing that XML would escape but `&amp;`. */
function element(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`)
  const end = xml.indexOf(`</${name}>`, start)
  return start === -1 || end === -1
    ? undefined
    : xml
        .slice(start + name.length + 2, end)
        .trim()
        .replaceAll('&amp;', '&')
}
