/**
 * Keys of the container's role, from the agent of ECS or EKS. The full address may be given, but only over TLS or on
 * this host: a mistyped one must not be asked for keys, nor be sent the token.
 */
import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { CredentialsError } from '../errors.ts'
import { readVariable } from '../settings/environment.ts'
import { bareHost } from '../transport/proxy-settings.ts'
import type { CredentialSource, SourceContext } from './credential-source.ts'
import { parseCredentialsDocument } from './credentials-document.ts'
import { requestText } from './request-text.ts'

/** The addresses of the agents of ECS and EKS. */
const ECS_ORIGIN = 'http://169.254.170.2'
const agentHosts: ReadonlySet<string> = new Set(['169.254.170.2', '169.254.170.23', 'fd00:ec2::23'])

export const fromContainer: CredentialSource = async (context) => {
  const url = addressOf(context)
  if (url === undefined) return undefined
  const what = `the container's credentials endpoint ${url.origin}`
  const token = await readToken(context)
  const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: token }) }
  const { status, text } = await requestText(context.nearTransport, { method: 'GET', url, headers }, what)
  if (status !== 200)
    throw new CredentialsError(`Expected credentials from ${what}, found status ${status}.`, {
      retryable: status >= 500 || status === 429,
    })
  return parseCredentialsDocument(text, what)
}

function addressOf({ env }: SourceContext): URL | undefined {
  const relative = readVariable(env, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')
  if (relative !== undefined) {
    if (!relative.value.startsWith('/')) throw new CredentialsError(`Expected a path from / in ${relative.name}.`)
    return new URL(ECS_ORIGIN + relative.value)
  }
  const full = readVariable(env, 'AWS_CONTAINER_CREDENTIALS_FULL_URI')
  if (full === undefined) return undefined
  if (!URL.canParse(full.value)) throw new CredentialsError(`Expected a URL in ${full.name}.`)
  const url = new URL(full.value)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isNear(bareHost(url))))
    throw new CredentialsError(`Expected https:, or http: to this host, in ${full.name}, found ${url.origin}.`)
  return url
}

function isNear(host: string): boolean {
  return agentHosts.has(host) || isLoopback(host)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

async function readToken({ env }: SourceContext): Promise<string | undefined> {
  const file = readVariable(env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')
  const token =
    file === undefined
      ? readVariable(env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN')?.value
      : (await readTokenFile(file.value, file.name)).trim()
  if (token !== undefined && /[\r\n]/.test(token))
    throw new CredentialsError('Expected a token on one line for the container credentials endpoint.')
  return token
}

/** Read anew each time: such tokens are replaced in place. `name` says which setting pointed to the file. */
export async function readTokenFile(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CredentialsError(`Could not read ${path}, the file of ${name}.`, { cause })
  }
}
