/**
 * The JSON in which processes and metadata services hand out keys. Both spell the members alike, but for the token:
 * `SessionToken` from a process, `Token` from a service.
 */
import { CredentialsError } from '../errors.ts'
import type { Credentials } from './credentials.ts'

/** `what` names the source in messages; the text itself never appears in one. */
export function parseCredentialsDocument(text: string, what: string): Credentials {
  const document = parseObject(text, what)
  const accessKeyId = document['AccessKeyId']
  const secretAccessKey = document['SecretAccessKey']
  if (!isText(accessKeyId) || !isText(secretAccessKey))
    throw new CredentialsError(`Expected AccessKeyId and SecretAccessKey from ${what}, found neither or only one.`)
  const sessionToken = document['SessionToken'] ?? document['Token']
  const expiration = document['Expiration']
  return {
    accessKeyId,
    secretAccessKey,
    ...(isText(sessionToken) ? { sessionToken } : {}),
    ...(isText(expiration) ? { expiresAtMs: parseExpiration(expiration, what) } : {}),
    source: what,
  }
}

/** Reads an ISO 8601 instant. Throws for anything else: keys of unknown age would fail at some later time. */
export function parseExpiration(text: string, what: string): number {
  const expiresAtMs = Date.parse(text)
  if (Number.isNaN(expiresAtMs)) throw new CredentialsError(`Expected a time as Expiration from ${what}.`)
  return expiresAtMs
}

export function parseObject(text: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // Said below: the parser's own message quotes the text, and the text may hold a secret.
  }
  throw new CredentialsError(`Expected a JSON object from ${what}.`)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
