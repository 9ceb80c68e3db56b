/**
 * The signature that a request claims to have, read from its headers or its query in the service's order and words
 * (KINESIS.md §3). Whether the claim is true is for verify.ts to say; here only its shape counts.
 */
import { KinesisError } from '../errors.ts'
import { parseQuery } from './canonical.ts'
import type { CredentialScope, SignableRequest } from './canonical.ts'

export interface ClaimedSignature {
  readonly form: 'header' | 'query'
  /** As it was sent: `AWS4-HMAC-SHA256`, or something we do not know. */
  readonly algorithm: string
  /** The whole credential, `KEY/20150830/us-east-1/kinesis/aws4_request`. */
  readonly credential: string
  /** What comes before the scope; the whole credential if it has none. */
  readonly accessKeyId: string
  /** `undefined` if the credential has none that ends in `aws4_request`. */
  readonly scope: CredentialScope | undefined
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `x-amz-date`, `date` or `X-Amz-Date`, as it was sent. */
  readonly date: string
  /** Seconds for which a signed address is good. */
  readonly expiresS: number | undefined
  readonly sessionToken: string | undefined
}

/**
 * Throws InvalidSignatureException (both forms at once), MissingAuthenticationTokenException (neither) or
 * IncompleteSignatureException (a part is missing).
 */
export function readSignature(request: Pick<SignableRequest, 'url' | 'headers'>): ClaimedSignature {
  const header = request.headers['authorization']
  const query = queryOf(request.url)
  const inQuery = query.has('X-Amz-Algorithm')
  if (header !== undefined && header !== '' && inQuery) {
    throw new KinesisError(
      'InvalidSignatureException',
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
  }
  if (header !== undefined && header !== '') return readHeader(header, request.headers)
  if (inQuery) return readQuery(query)
  throw new KinesisError('MissingAuthenticationTokenException', 'Missing Authentication Token')
}

/** What an `Authorization` header says before its signature: the same for a day of one client's requests. */
type ClaimedScope = Pick<ClaimedSignature, 'algorithm' | 'credential' | 'accessKeyId' | 'scope' | 'signedHeaders'>

/** By the text up to the digits of the signature. Splitting it anew costs 2 µs (bench: PutRecord). */
const knownScopes = new Map<string, ClaimedScope>()
/** Beyond it the oldest goes. */
const KNOWN_SCOPES_MAX = 1024
/** Longer ones are not kept. */
const KNOWN_SCOPE_LENGTH_MAX = 1024
const SIGNATURE_DIGITS = 64
const ENDS_IN_SIGNATURE = /[, ]Signature=[0-9a-f]{64}$/

function readHeader(header: string, headers: SignableRequest['headers']): ClaimedSignature {
  const date = headers['x-amz-date'] || headers['date'] || ''
  const beforeDigits = header.length - SIGNATURE_DIGITS
  const known = date === '' ? undefined : knownScopes.get(header.slice(0, beforeDigits))
  if (known !== undefined && ENDS_IN_SIGNATURE.test(header)) {
    const { algorithm, credential, accessKeyId, scope, signedHeaders } = known
    return {
      form: 'header',
      algorithm,
      credential,
      accessKeyId,
      scope,
      signedHeaders,
      signature: header.slice(beforeDigits),
      date,
      expiresS: undefined,
      sessionToken: headers['x-amz-security-token'],
    }
  }
  const claim = parseClaim(header, date, headers['x-amz-security-token'])
  if (header.length <= KNOWN_SCOPE_LENGTH_MAX && ENDS_IN_SIGNATURE.test(header)) {
    const [oldest] = knownScopes.keys()
    if (knownScopes.size >= KNOWN_SCOPES_MAX && oldest !== undefined) knownScopes.delete(oldest)
    // Read from a copy: a part of a text keeps all of it in memory, here the head of the request.
    const own = Buffer.from(header, 'utf8').toString('utf8')
    const { algorithm, credential, accessKeyId, scope, signedHeaders } = parseClaim(own, date, undefined)
    knownScopes.set(own.slice(0, beforeDigits), { algorithm, credential, accessKeyId, scope, signedHeaders })
  }
  return claim
}

/** Throws IncompleteSignatureException for what is missing. */
function parseClaim(header: string, date: string, sessionToken: string | undefined): ClaimedSignature {
  const { algorithm, parameters } = parseHeader(header)
  let missing = ''
  for (const name of ['Credential', 'Signature', 'SignedHeaders']) {
    if (!parameters.get(name)) missing += `Authorization header requires '${name}' parameter. `
  }
  if (date === '') {
    missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
  }
  if (missing !== '') throw new KinesisError('IncompleteSignatureException', `${missing}Authorization=${header}`)
  return {
    form: 'header',
    algorithm,
    ...credentialParts(parameters.get('Credential') ?? ''),
    signedHeaders: (parameters.get('SignedHeaders') ?? '').split(';'),
    signature: parameters.get('Signature') ?? '',
    date,
    expiresS: undefined,
    sessionToken,
  }
}

const queryParameters = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
] as const

/** Split at commas and blanks, the order free, the first word skipped: the scheme. */
function parseHeader(header: string) {
  const words = header.split(/[, ]+/)
  const parameters = new Map<string, string>()
  for (const word of words.slice(1)) {
    const equals = word.indexOf('=')
    if (equals > 0) parameters.set(word.slice(0, equals), word.slice(equals + 1))
  }
  return { algorithm: words[0] ?? '', parameters }
}

function readQuery(query: ReadonlyMap<string, string>): ClaimedSignature {
  const missing = queryParameters.filter((name) => !query.get(name))
  if (missing.length > 0) {
    const parts = missing.map((name) => `AWS query-string parameters must include '${name}'. `)
    throw new KinesisError('IncompleteSignatureException', `${parts.join('')}Re-examine the query-string parameters.`)
  }
  const expires = query.get('X-Amz-Expires')
  return {
    form: 'query',
    algorithm: query.get('X-Amz-Algorithm') ?? '',
    ...credentialParts(query.get('X-Amz-Credential') ?? ''),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    date: query.get('X-Amz-Date') ?? '',
    expiresS: expires !== undefined && /^\d{1,6}$/.test(expires) ? Number(expires) : undefined,
    sessionToken: query.get('X-Amz-Security-Token'),
  }
}

const noQuery: ReadonlyMap<string, string> = new Map()

/** The first of a repeated parameter counts. */
function queryOf(url: string): ReadonlyMap<string, string> {
  const question = url.indexOf('?')
  if (question === -1) return noQuery
  const query = new Map<string, string>()
  for (const { name, value } of parseQuery(url.slice(question + 1))) if (!query.has(name)) query.set(name, value)
  return query
}

/** From the back: an access key id may itself hold a slash. */
function credentialParts(credential: string) {
  const terminator = credential.lastIndexOf('/')
  const service = credential.lastIndexOf('/', terminator - 1)
  const region = credential.lastIndexOf('/', service - 1)
  const day = credential.lastIndexOf('/', region - 1)
  if (day < 1 || region <= day || service <= region || credential.slice(terminator) !== '/aws4_request') {
    return { credential, accessKeyId: credential, scope: undefined }
  }
  const scope = {
    day: credential.slice(day + 1, region),
    region: credential.slice(region + 1, service),
    service: credential.slice(service + 1, terminator),
  }
  return { credential, accessKeyId: credential.slice(0, day), scope }
}
