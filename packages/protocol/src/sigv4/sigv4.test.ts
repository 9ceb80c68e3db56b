/** Our signatures against those of the AWS SDKs for JavaScript, both ways and in both forms. */
import { createHash, createHmac } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SignableRequest } from './canonical.ts'
import { presignRequest, signRequest } from './sign.ts'
import { readSignature } from './signature.ts'
import { SigningKeyCache } from './signing-key.ts'
import { verifySignature } from './verify.ts'

const accessKeyId = 'AKIDEXAMPLE'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const region = 'eu-west-1'
const nowMs = Date.UTC(2026, 1, 28, 23, 59, 58)
const keys = new SigningKeyCache()

class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {
    throw new Error('not needed')
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

function oracle(applyChecksum: boolean, sessionToken?: string) {
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
  return new SignatureV4({ credentials, region, service: 'kinesis', sha256: Sha256, applyChecksum })
}

const query = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }),
  fc.string({ maxLength: 8, unit: 'binary' }),
  {
    maxKeys: 4,
    noNullPrototype: true,
  },
)
const path = fc.constantFrom('/', '/a/b', '/a%20b/', '//a/../b/./c', '/(x)*')
const headers = fc
  .record({
    host: fc.constantFrom(['host', 'localhost:4567'], [':authority', 'kinesis.eu-west-1.amazonaws.com']),
    type: fc.constantFrom('application/x-amz-json-1.1', 'application/x-amz-cbor-1.1'),
    agent: fc.string({ maxLength: 10, unit: 'grapheme-ascii' }).map((text) => `  a   ${text}  `),
  })
  .map(({ host: [name = '', value = ''], type, agent }) => ({
    [name]: value,
    'content-type': type,
    'x-amz-target': 'Kinesis_20131202.PutRecord',
    'x-amz-user-agent': agent,
  }))
const requests = fc.record({
  path,
  query,
  headers,
  body: fc.uint8Array({ maxLength: 100 }),
  token: fc.option(fc.string({ minLength: 1, unit: 'grapheme-ascii' }).map((t) => t.trim() || 't')),
  checksum: fc.boolean(),
})

function wireUrl(urlPath: string, parameters: Readonly<Record<string, unknown>>): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const pairs = Object.entries(parameters).map(([name, value]) => `${encode(name)}=${encode(String(value))}`)
  return pairs.length === 0 ? urlPath : `${urlPath}?${pairs.join('&')}`
}

function smithyRequest(request: {
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  body: Uint8Array
}) {
  return { method: 'POST', protocol: 'http:', hostname: 'localhost', ...request }
}

const options = { secretAccessKey, nowMs, keys }

describe('what the SDK signs', () => {
  it('in headers is found true', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async ({ token, checksum, ...request }) => {
        const theirs = await oracle(checksum, token ?? undefined).sign(smithyRequest(request), {
          signingDate: new Date(nowMs),
        })
        const wire: SignableRequest = {
          method: 'POST',
          url: wireUrl(request.path, request.query),
          headers: theirs.headers,
          body: request.body,
        }
        const claim = readSignature(wire)
        expect(claim).toMatchObject({
          form: 'header',
          accessKeyId,
          scope: { region, service: 'kinesis' },
          sessionToken: token ?? undefined,
        })
        verifySignature(claim, wire, options)
      }),
    )
  })

  it('in the query is found true', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async ({ token, ...request }) => {
        const theirs = await oracle(false, token ?? undefined).presign(smithyRequest(request), {
          signingDate: new Date(nowMs),
          unhoistableHeaders: new Set(['x-amz-target', 'x-amz-user-agent']),
        })
        const wire: SignableRequest = {
          method: 'POST',
          url: wireUrl(request.path, theirs.query ?? {}),
          headers: theirs.headers,
          body: request.body,
        }
        const claim = readSignature(wire)
        expect(claim).toMatchObject({
          form: 'query',
          accessKeyId,
          scope: { region, service: 'kinesis' },
          sessionToken: token ?? undefined,
        })
        verifySignature(claim, wire, options)
      }),
    )
  })
})

describe('what we sign', () => {
  it('in headers is what the SDK signs', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async ({ token, checksum, ...request }) => {
        const sessionToken = token ?? undefined
        const ours = signRequest(
          { method: 'POST', url: wireUrl(request.path, request.query), headers: request.headers, body: request.body },
          { accessKeyId, secretAccessKey, sessionToken, region, nowMs, keys },
        )
        const theirs = await oracle(false, sessionToken).sign(smithyRequest(request), { signingDate: new Date(nowMs) })
        expect(ours['authorization']).toBe(theirs.headers['authorization'])
        expect(ours['x-amz-date']).toBe(theirs.headers['x-amz-date'])
        expect(ours['x-amz-security-token']).toBe(sessionToken)
        expect(checksum).toBeTypeOf('boolean')
      }),
    )
  })

  it('in the query is what the SDK signs, and is found true', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async ({ token, ...request }) => {
        const sessionToken = token ?? undefined
        const wire = { method: 'POST', headers: request.headers, body: request.body }
        const url = presignRequest(
          { ...wire, url: wireUrl(request.path, request.query) },
          { accessKeyId, secretAccessKey, sessionToken, region, nowMs, keys, expiresS: 60 },
        )
        const theirs = await oracle(false, sessionToken).presign(smithyRequest(request), {
          signingDate: new Date(nowMs),
          expiresIn: 60,
          unhoistableHeaders: new Set(['x-amz-target', 'x-amz-user-agent']),
        })
        expect(url).toContain(`&X-Amz-Signature=${String(theirs.query?.['X-Amz-Signature'])}`)
        verifySignature(readSignature({ ...wire, url }), { ...wire, url }, options)
      }),
    )
  })
})

const request: SignableRequest = {
  method: 'POST',
  url: '/',
  headers: {
    host: 'localhost:4567',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'Kinesis_20131202.ListStreams',
  },
  body: Buffer.from('{}'),
}

function signed(changes: Partial<SignableRequest> = {}, at = nowMs): SignableRequest {
  const base = { ...request, ...changes }
  return {
    ...base,
    headers: { ...base.headers, ...signRequest(base, { accessKeyId, secretAccessKey, region, nowMs: at }) },
  }
}

function withHeaders(wire: SignableRequest, changes: Record<string, string | undefined>): SignableRequest {
  return { ...wire, headers: { ...wire.headers, ...changes } }
}

const mismatch = /^The request signature we calculated does not match the signature you provided\./

describe('verifySignature', () => {
  it('takes the host for the authority and the other way round', () => {
    const { host, ...rest } = signed().headers
    const wire = { ...request, headers: { ...rest, ':authority': host } }
    verifySignature(readSignature(wire), wire, options)
  })

  it.each<[string, SignableRequest, Partial<typeof options> & { service?: string }, RegExp]>([
    ['another body', { ...signed(), body: Buffer.from('{ }') }, {}, mismatch],
    ['another path', { ...signed(), url: '/x' }, {}, mismatch],
    ['another query', { ...signed(), url: '/?a=b' }, {}, mismatch],
    ['another method', { ...signed(), method: 'GET' }, {}, mismatch],
    ['another target', withHeaders(signed(), { 'x-amz-target': 'Kinesis_20131202.DeleteStream' }), {}, mismatch],
    ['another host', withHeaders(signed(), { host: 'evil' }), {}, mismatch],
    ['a signed header that is gone', withHeaders(signed(), { 'content-type': undefined }), {}, mismatch],
    ['another secret', signed(), { secretAccessKey: 'x' }, mismatch],
    [
      'a body that nobody signed',
      withHeaders(signed({ headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }), {}),
      {},
      mismatch,
    ],
    [
      'a false hash of the body',
      signed({ headers: { ...request.headers, 'x-amz-content-sha256': '0'.repeat(64) } }),
      {},
      mismatch,
    ],
    [
      'a target that is not signed',
      withHeaders(signed({ headers: { host: 'h' } }), { 'x-amz-target': 'x' }),
      {},
      mismatch,
    ],
    ['a host that is not signed', signed({ headers: { 'x-amz-target': 't' } }), {}, mismatch],
    [
      'another algorithm',
      withHeaders(signed(), { authorization: String(signed().headers['authorization']).replace('SHA256', 'SHA512') }),
      {},
      mismatch,
    ],
    [
      'a shorter signature',
      withHeaders(signed(), { authorization: String(signed().headers['authorization']).slice(0, -1) }),
      {},
      mismatch,
    ],
    [
      'an old date',
      signed({}, nowMs - 301_000),
      {},
      /^Signature expired: 20260228T235457Z is now earlier than 20260228T235458Z \(20260228T235958Z - 5 min\.\)$/,
    ],
    [
      'a date to come',
      signed({}, nowMs + 301_000),
      {},
      /^Signature not yet current: 20260301T000459Z is still later than 20260301T000458Z \(20260228T235958Z \+ 5 min\.\)$/,
    ],
    ['another service', signed(), { service: 'sqs' }, /^Credential should be scoped to correct service: 'sqs'\. $/],
    [
      'another day',
      withHeaders(signed(), { 'x-amz-date': '20260301T000000Z' }),
      {},
      /^Date in Credential scope does not match/,
    ],
    [
      'a credential without a scope',
      withHeaders(signed(), { authorization: 'A Credential=a, Signature=b, SignedHeaders=host' }),
      {},
      /^Credential must have exactly 5 slash-delimited elements/,
    ],
    [
      'a date that is none',
      withHeaders(signed(), { 'x-amz-date': 'yesterday' }),
      {},
      /^Date must be in ISO-8601 'basic format'\. Got 'yesterday'/,
    ],
  ])('refuses %s', (_, wire, changes, text) => {
    expect(() => verifySignature(readSignature(wire), wire, { ...options, ...changes })).toThrow(text)
  })

  it.each([-299_000, 0, 299_000])('takes a clock that is %d ms off', (offset) => {
    const wire = signed({}, nowMs + offset)
    verifySignature(readSignature(wire), wire, options)
  })

  it('takes a Date header where x-amz-date is missing', async () => {
    const wire = withHeaders(signed(), { date: new Date(nowMs).toUTCString(), 'x-amz-date': undefined })
    expect(readSignature(wire).date).toBe('Sat, 28 Feb 2026 23:59:58 GMT')
    // The date was signed, so that without it the signature is another.
    expect(() => verifySignature(readSignature(wire), wire, options)).toThrow(mismatch)
  })

  it('takes a signed address until it expires', () => {
    const url = presignRequest(request, { accessKeyId, secretAccessKey, region, nowMs, expiresS: 600 })
    const wire = { ...request, url }
    verifySignature(readSignature(wire), wire, { ...options, nowMs: nowMs + 599_000 })
    expect(() => verifySignature(readSignature(wire), wire, { ...options, nowMs: nowMs + 601_000 })).toThrow(
      /^Signature expired/,
    )
  })

  it('throws nothing but what the caller can be told, whatever the header', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (authorization, date, url) => {
          const wire = { ...request, url: `/?${url}`, headers: { host: 'h', authorization, 'x-amz-date': date } }
          expect(() => verifySignature(readSignature(wire), wire, options)).toThrow(
            expect.objectContaining({
              type: expect.stringMatching(
                /^(InvalidSignature|IncompleteSignature|MissingAuthenticationToken)Exception$/,
              ) as string,
            }) as Error,
          )
        },
      ),
    )
  })
})

describe('readSignature', () => {
  const complete = 'AWS4-HMAC-SHA256 Credential=AK/20260228/r/kinesis/aws4_request, SignedHeaders=host;x, Signature=abc'

  it.each([
    complete,
    'AWS4-HMAC-SHA256 Signature=abc,SignedHeaders=host;x,Credential=AK/20260228/r/kinesis/aws4_request',
    'AWS4-HMAC-SHA256 Signature=abc  SignedHeaders=host;x Credential=AK/20260228/r/kinesis/aws4_request',
  ])('splits at commas and blanks, in any order: %s', (authorization) => {
    expect(readSignature({ url: '/', headers: { authorization, 'x-amz-date': 'd' } })).toEqual({
      form: 'header',
      algorithm: 'AWS4-HMAC-SHA256',
      credential: 'AK/20260228/r/kinesis/aws4_request',
      accessKeyId: 'AK',
      scope: { day: '20260228', region: 'r', service: 'kinesis' },
      signedHeaders: ['host', 'x'],
      signature: 'abc',
      date: 'd',
      expiresS: undefined,
      sessionToken: undefined,
    })
  })

  const noCredential = "Authorization header requires 'Credential' parameter. "
  const noSignature = "Authorization header requires 'Signature' parameter. "
  const noSignedHeaders = "Authorization header requires 'SignedHeaders' parameter. "
  const noDate = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "

  it.each<[string, Record<string, string>, string, string]>([
    ['nothing', {}, 'MissingAuthenticationTokenException', 'Missing Authentication Token'],
    ['an empty header', { authorization: '' }, 'MissingAuthenticationTokenException', 'Missing Authentication Token'],
    [
      'a word',
      { authorization: 'X' },
      'IncompleteSignatureException',
      `${noCredential}${noSignature}${noSignedHeaders}${noDate}Authorization=X`,
    ],
    [
      'an empty part',
      { authorization: 'X Credential=a Signature= SignedHeaders=b', date: 'd' },
      'IncompleteSignatureException',
      `${noSignature}Authorization=X Credential=a Signature= SignedHeaders=b`,
    ],
    [
      'a parameter as scheme',
      { authorization: 'Credential=a Signature=b', 'x-amz-date': 'd' },
      'IncompleteSignatureException',
      `${noCredential}${noSignedHeaders}Authorization=Credential=a Signature=b`,
    ],
    ['no date', { authorization: complete }, 'IncompleteSignatureException', `${noDate}Authorization=${complete}`],
  ])('of %s', (_, headerValues, type, message) => {
    expect(() => readSignature({ url: '/', headers: headerValues })).toThrow(
      expect.objectContaining({ type, message }) as Error,
    )
  })

  it.each([
    [
      '/?X-Amz-Algorithm=',
      "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    ],
    [
      '/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=c&X-Amz-Signature=d',
      "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
    ],
  ])('of the incomplete query %s', (url, message) => {
    expect(() => readSignature({ url, headers: {} })).toThrow(
      expect.objectContaining({ type: 'IncompleteSignatureException', message }) as Error,
    )
  })

  it('of both forms at once', () => {
    expect(() => readSignature({ url: '/?X-Amz-Algorithm', headers: { authorization: 'X' } })).toThrow(
      expect.objectContaining({
        type: 'InvalidSignatureException',
        message: "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      }) as Error,
    )
  })
})

describe('what is remembered of Authorization headers', () => {
  it('keeps no heads and no session tokens in memory', () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const token = 'token'.repeat(1_000)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 1_024; i++) {
      const authorization = `AWS4-HMAC-SHA256 Credential=AKID${i}/20260228/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
      const head = Buffer.from(`${authorization}\n${token}${i}\n${'x'.repeat(20_000)}`).toString('latin1')
      const [header = '', sessionToken = ''] = head.split('\n')
      const own = { authorization: header, 'x-amz-date': '20260228T000000Z', 'x-amz-security-token': sessionToken }
      expect(readSignature({ url: '/', headers: own }).accessKeyId).toBe(`AKID${i}`)
    }
    collectGarbage()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5 * 1024 * 1024)
  })
})

describe('SigningKeyCache', () => {
  const scope = { day: '20260228', region, service: 'kinesis' }

  it('gives the same key again, and another one for anything else', () => {
    const cache = new SigningKeyCache()
    const key = cache.get(secretAccessKey, scope)
    expect(cache.get(secretAccessKey, { ...scope })).toBe(key)
    expect(cache.get('other', scope)).not.toBe(key)
    expect(cache.get(secretAccessKey, { ...scope, day: '20260301' })).not.toBe(key)
    expect(cache.get(secretAccessKey, { ...scope, region: 'r' })).not.toBe(key)
  })

  it('forgets the oldest key when it is full', () => {
    const cache = new SigningKeyCache(2)
    const first = cache.get('a', scope)
    const second = cache.get('b', scope)
    cache.get('c', scope)
    expect(cache.get('b', scope)).toBe(second)
    expect(cache.get('a', scope)).not.toBe(first)
  })
})
