/** Signing: what to add to a request, as headers or as query parameters, so that the service knows who sent it. */
import { ALGORITHM, canonicalRequest, encodeUri, scopeText, sha256Hex, stringToSign, timestampOf } from './canonical.ts'
import type { SignableRequest } from './canonical.ts'
import { SigningKey } from './signing-key.ts'
import type { SigningKeyCache } from './signing-key.ts'

export interface SigningOptions {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined
  readonly region: string
  /** Default: `kinesis`. */
  readonly service?: string
  /** The time to sign for, ms since the epoch. */
  readonly nowMs: number
  /** Default: the key is made anew. */
  readonly keys?: SigningKeyCache
}

/** How long a signed address is good for, in seconds, unless said otherwise. */
const EXPIRES_DEFAULT_S = 900

/**
 * The headers to add to `request`. Signs `host` (or `:authority`), `content-type` and all `x-amz-*`: what proxies
 * on the way leave alone.
 */
export function signRequest(request: SignableRequest, options: SigningOptions): Record<string, string> {
  const { timestamp, scope, key } = prepare(options)
  const added: Record<string, string> = { 'x-amz-date': timestamp }
  if (options.sessionToken !== undefined) added['x-amz-security-token'] = options.sessionToken
  const headers = { ...request.headers, ...added }
  const signedHeaders = signableHeaders(headers)
  const payloadHash = headers['x-amz-content-sha256'] ?? sha256Hex(request.body)
  const canonical = canonicalRequest({ ...request, headers }, signedHeaders, payloadHash) ?? ''
  const signature = key.sign(stringToSign(timestamp, scope, canonical))
  const credential = `${options.accessKeyId}/${scopeText(scope)}`
  added['authorization'] =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
  return added
}

/** The address of `request` with its signature in the query. The headers must be sent as they are. */
export function presignRequest(
  request: SignableRequest,
  options: SigningOptions & { /** Seconds. Default: 900. */ readonly expiresS?: number },
): string {
  const { timestamp, scope, key } = prepare(options)
  const signedHeaders = signableHeaders(request.headers)
  const parameters = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${options.accessKeyId}/${scopeText(scope)}`],
    ['X-Amz-Date', timestamp],
    ['X-Amz-Expires', String(options.expiresS ?? EXPIRES_DEFAULT_S)],
    ...(options.sessionToken === undefined ? [] : [['X-Amz-Security-Token', options.sessionToken]]),
    ['X-Amz-SignedHeaders', signedHeaders.join(';')],
  ]
  const query = parameters.map(([name = '', value = '']) => `${name}=${encodeUri(value)}`).join('&')
  const url = `${request.url}${request.url.includes('?') ? '&' : '?'}${query}`
  const payloadHash = request.headers['x-amz-content-sha256'] ?? sha256Hex(request.body)
  const canonical = canonicalRequest({ ...request, url }, signedHeaders, payloadHash) ?? ''
  return `${url}&X-Amz-Signature=${key.sign(stringToSign(timestamp, scope, canonical))}`
}

function prepare({ secretAccessKey, region, service = 'kinesis', nowMs, keys }: SigningOptions) {
  const timestamp = timestampOf(nowMs)
  const scope = { day: timestamp.slice(0, 8), region, service }
  const key = keys?.get(secretAccessKey, scope) ?? new SigningKey(secretAccessKey, scope)
  return { timestamp, scope, key }
}

function signableHeaders(headers: SignableRequest['headers']): string[] {
  return Object.keys(headers)
    .filter((name) => headers[name] !== undefined && (signedByName.has(name) || name.startsWith('x-amz-')))
    .sort()
}

const signedByName: ReadonlySet<string> = new Set(['host', ':authority', 'content-type'])
