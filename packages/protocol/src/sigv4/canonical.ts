/**
 * The canonical form of a request that SigV4 signs, and the string made of it. The same text comes out whether we
 * sign or verify, whatever the order and encoding in which the parts arrived.
 */
import { hash } from 'node:crypto'

export const ALGORITHM = 'AWS4-HMAC-SHA256'

/** A request as it stands, or will stand, on the wire. */
export interface SignableRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly url: string
  /** Lower-case names. `host` or `:authority` among them. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

/** Where a signature counts: `20150830/us-east-1/kinesis/aws4_request`. */
export interface CredentialScope {
  /** `20150830`. */
  readonly day: string
  readonly region: string
  readonly service: string
}

export function scopeText({ day, region, service }: CredentialScope): string {
  return `${day}/${region}/${service}/aws4_request`
}

/**
 * `signedHeaders` in the order in which they are to stand. Returns `undefined` if one of them is not in the request;
 * `host` and `:authority` stand in for one another, as one is made of the other between HTTP versions.
 */
export function canonicalRequest(
  request: SignableRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
): string | undefined {
  const question = request.url.indexOf('?')
  const path = question === -1 ? request.url : request.url.slice(0, question)
  let text = `${request.method}\n${canonicalPath(path)}\n`
  if (question !== -1) text += canonicalQuery(request.url.slice(question + 1))
  text += '\n'
  for (const name of signedHeaders) {
    const value = headerValue(request.headers, name)
    if (value === undefined) return undefined
    text += `${name}:${canonicalHeaderValue(value)}\n`
  }
  return `${text}\n${signedHeaders.join(';')}\n${payloadHash}`
}

/** `timestamp`: `20150830T123600Z`. */
export function stringToSign(timestamp: string, scope: CredentialScope, canonical: string): string {
  return `${ALGORITHM}\n${timestamp}\n${scopeText(scope)}\n${sha256Hex(canonical)}`
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** `20150830T123600Z`. */
export function timestampOf(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

function headerValue(headers: SignableRequest['headers'], name: string): string | undefined {
  if (name === 'host') return headers['host'] ?? headers[':authority']
  if (name === ':authority') return headers[':authority'] ?? headers['host']
  return Object.hasOwn(headers, name) ? headers[name] : undefined
}

function canonicalHeaderValue(value: string): string {
  const trimmed = value.trim()
  return /\s\s|[\t\r\n]/.test(trimmed) ? trimmed.replaceAll(/\s+/g, ' ') : trimmed
}

/** Without dot segments and doubled slashes, encoded once more than it already is. */
function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/'
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const tail = segments.length > 0 && path.endsWith('/') ? '/' : ''
  return encodeUri(`/${segments.join('/')}${tail}`).replaceAll('%2F', '/')
}

/** Decoded, encoded in the one strict way, and sorted. The signature itself is not part of what it signs. */
function canonicalQuery(query: string): string {
  const pairs: [string, string][] = []
  for (const { name, value } of parseQuery(query)) {
    if (name !== 'X-Amz-Signature') pairs.push([encodeUri(name), encodeUri(value)])
  }
  return pairs
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

export interface QueryParameter {
  readonly name: string
  readonly value: string
}

export function parseQuery(query: string): QueryParameter[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals === -1
        ? { name: decodeUri(pair), value: '' }
        : { name: decodeUri(pair.slice(0, equals)), value: decodeUri(pair.slice(equals + 1)) }
    })
}

/** Everything but letters, digits and `-_.~`. */
export function encodeUri(text: string): string {
  // Lone surrogates cannot be encoded.
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd')).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
