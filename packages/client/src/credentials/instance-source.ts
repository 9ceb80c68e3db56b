/**
 * Keys of the machine's role, from EC2's instance metadata service, version 2 only (with its token). Where nobody
 * answers there is no such service, and that is not an error; `AWS_EC2_METADATA_DISABLED=true` spares the wait.
 */
import { CredentialsError } from '../errors.ts'
import { isTrue, readVariable } from '../settings/environment.ts'
import type { CredentialSource } from './credential-source.ts'
import { parseCredentialsDocument, parseObject } from './credentials-document.ts'
import { requestText } from './request-text.ts'

const IPV4_ORIGIN = 'http://169.254.169.254'
const IPV6_ORIGIN = 'http://[fd00:ec2::254]'
/** What AWS's tools ask for: six hours. A token is asked for with each renewal, so it does not matter. */
const TOKEN_SECONDS = '21600'
const ROLE_PATH = '/latest/meta-data/iam/security-credentials/'

export const fromInstance: CredentialSource = async ({ env, nearTransport }) => {
  if (isTrue(readVariable(env, 'AWS_EC2_METADATA_DISABLED')?.value)) return undefined
  const mode = readVariable(env, 'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE')?.value.toLowerCase()
  const endpoint =
    readVariable(env, 'AWS_EC2_METADATA_SERVICE_ENDPOINT')?.value ?? (mode === 'ipv6' ? IPV6_ORIGIN : IPV4_ORIGIN)
  if (!URL.canParse(endpoint)) throw new CredentialsError('Expected a URL in AWS_EC2_METADATA_SERVICE_ENDPOINT.')
  const what = 'the EC2 instance metadata service'
  const ask = (method: 'GET' | 'PUT', path: string, headers: Readonly<Record<string, string>>) =>
    requestText(nearTransport, { method, url: new URL(path, endpoint), headers }, what)

  const token = await ask('PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': TOKEN_SECONDS }).catch(
    (error: unknown) => {
      if (error instanceof CredentialsError) return undefined
      throw error
    },
  )
  if (token === undefined || token.status !== 200) return undefined
  const headers = { 'x-aws-ec2-metadata-token': token.text }
  const role = await ask('GET', ROLE_PATH, headers)
  // A machine without a role.
  if (role.status === 404) return undefined
  if (role.status !== 200) throw refused(what, role.status)
  const [name = ''] = role.text.trim().split('\n')
  const answer = await ask('GET', ROLE_PATH + encodeURIComponent(name), headers)
  if (answer.status !== 200) throw refused(what, answer.status)
  const code = parseObject(answer.text, what)['Code']
  if (code !== undefined && code !== 'Success')
    throw new CredentialsError(`Expected credentials from ${what}, found code ${String(code)}.`, { retryable: true })
  return parseCredentialsDocument(answer.text, what)
}

function refused(what: string, status: number): CredentialsError {
  return new CredentialsError(`Expected credentials from ${what}, found status ${status}.`, { retryable: true })
}
