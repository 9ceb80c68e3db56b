/** The rows of the front door (KINESIS.md §2 and §3), on the dispatcher itself: no socket. */
import { encodeRequest, GetRecords, KinesisError, ListStreams } from '@millrace/protocol'
import { silentLogger, systemClock } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'

import { openFrontDesk } from '../auth/front-desk.ts'
import { TokenSeal } from '../streams/sealed-token.ts'
import { BodyWorker } from './body-worker.ts'
import { createDispatch } from './dispatch.ts'
import { createHostPolicy } from './host-policy.ts'
import { createPages } from './pages.ts'
import type { Dispatch, WireRequest } from './wire.ts'

const clock = new VirtualClock()
const bodies = new BodyWorker({
  bytesMin: 256 * 1024,
  queueMax: 10,
  idleMs: 60_000,
  clock: systemClock,
  logger: silentLogger,
})
afterAll(() => bodies.close())

interface Call {
  readonly name: string
  readonly input: unknown
  readonly deadlineMs: number
  readonly account: string
  readonly region: string
}

const calls: Call[] = []
const answered: (readonly [string | undefined, number])[] = []

function dispatcher(execute: (name: string) => Promise<unknown> = async () => ({ StreamNames: [] })): Dispatch {
  calls.length = 0
  return createDispatch({
    service: {
      execute(name, input, { deadlineMs, account, region }) {
        calls.push({ name, input, deadlineMs, account, region })
        return execute(name)
      },
    },
    ...openFrontDesk({
      mode: 'none',
      account: '000000000000',
      region: 'us-east-1',
      seal: new TokenSeal(new Uint8Array(32), seededRandom(1)),
      clock,
      random: seededRandom(1),
    }),
    bodies,
    hosts: createHostPolicy({ allowedHosts: ['friend.example'], corsOrigins: [] }),
    pages: createPages({
      readiness: () => ({ ready: false, notes: ['no space'] }),
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
    }),
    limits: { handlingMs: 20_000 },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    onAnswer: (operation, status) => answered.push([operation, status]),
  })
}

const JSON11 = 'application/x-amz-json-1.1'
const CBOR11 = 'application/x-amz-cbor-1.1'
const signed =
  'AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=0'

/** A good ListStreams, but for what the test changes; `undefined` takes a header away. */
function request(change: {
  readonly method?: string
  readonly url?: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string | undefined>>
}): WireRequest {
  const headers: Record<string, string | undefined> = {
    host: 'localhost:4567',
    'content-type': JSON11,
    'x-amz-target': 'Kinesis_20131202.ListStreams',
    'x-amz-date': '20261122T000000Z',
    authorization: signed,
    ...change.headers,
  }
  return {
    id: '11111111-2222-4333-8444-555555555555',
    method: change.method ?? 'POST',
    url: change.url ?? '/',
    headers: Object.fromEntries(Object.entries(headers).filter((e): e is [string, string] => e[1] !== undefined)),
    body: typeof change.body === 'object' ? change.body : Buffer.from(change.body ?? '{}'),
    signal: new AbortController().signal,
  }
}

async function answer(dispatch: Dispatch, change: Parameters<typeof request>[0]) {
  const { status, headers, body } = await dispatch(request(change))
  return {
    status,
    headers,
    type: headers['content-type'],
    text: Buffer.concat(body as Uint8Array[]).toString('latin1'),
  }
}

const xml =
  '<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n'
const serialization = '{"__type":"SerializationException"}'
const unknown = '{"__type":"UnknownOperationException"}'
/** A map of one entry: text of 6 bytes, then text, whose length stands in its first byte if it is below 24. */
const cbor = (type: string): string =>
  `\xa1\x66__type${type.length < 24 ? '' : '\x78'}${String.fromCharCode((type.length < 24 ? 0x60 : 0) + type.length)}${type}`
const envelope = (type: string): string => `{"Output":{"__type":"com.amazon.coral.service#${type}"},"Version":"1.0"}`
const other = 'Kinesis_20131202.Other'

type Row = readonly [
  what: string,
  change: Parameters<typeof request>[0],
  status: number,
  type: string | undefined,
  text: string,
]

const rows: readonly Row[] = [
  ['GET', { method: 'GET' }, 403, undefined, xml],
  ['PUT', { method: 'PUT' }, 403, undefined, xml],
  ['OPTIONS without Origin', { method: 'OPTIONS', body: '' }, 403, undefined, xml],
  ['an empty body', { body: '' }, 400, JSON11, serialization],
  ['an empty body for an unknown operation', { body: '', headers: { 'x-amz-target': other } }, 400, JSON11, unknown],
  [
    'an empty body in CBOR',
    { body: '', headers: { 'content-type': CBOR11 } },
    400,
    CBOR11,
    cbor('SerializationException'),
  ],
  [
    'an empty body of any type',
    { body: '', headers: { 'content-type': 'text/x' } },
    400,
    CBOR11,
    cbor('SerializationException'),
  ],
  [
    'an empty body and nothing else',
    { body: '', headers: { 'content-type': undefined, 'x-amz-target': undefined } },
    400,
    CBOR11,
    cbor('UnknownOperationException'),
  ],
  [
    'another content type without target',
    { headers: { 'content-type': 'text/x', 'x-amz-target': undefined } },
    403,
    undefined,
    xml,
  ],
  [
    'no content type and no target',
    { headers: { 'content-type': undefined, 'x-amz-target': undefined } },
    403,
    undefined,
    xml,
  ],
  [
    'another content type with target',
    { headers: { 'content-type': 'text/x' } },
    404,
    undefined,
    '<UnknownOperationException/>\n',
  ],
  ['what is not JSON', { body: '{' }, 400, JSON11, serialization],
  ['null', { body: 'null' }, 400, JSON11, serialization],
  ['a number', { body: '3' }, 400, JSON11, serialization],
  [
    'what is not JSON, for an unknown operation',
    { body: '{', headers: { 'x-amz-target': other } },
    400,
    JSON11,
    serialization,
  ],
  [
    'what is not CBOR',
    { body: '\xff', headers: { 'content-type': CBOR11 } },
    400,
    CBOR11,
    cbor('SerializationException'),
  ],
  [
    'plain JSON that cannot be parsed',
    { body: '{', headers: { 'content-type': 'application/json' } },
    400,
    'application/json',
    envelope('SerializationException'),
  ],
  [
    'plain JSON',
    { headers: { 'content-type': 'application/json' } },
    404,
    'application/json',
    envelope('UnknownOperationException'),
  ],
  ['no target', { headers: { 'x-amz-target': undefined } }, 400, JSON11, unknown],
  ['another prefix', { headers: { 'x-amz-target': 'Kinesis_20131203.ListStreams' } }, 400, JSON11, unknown],
  [
    'an unknown operation beside a missing signature',
    { headers: { 'x-amz-target': other, authorization: undefined } },
    400,
    JSON11,
    unknown,
  ],
  [
    'no signature',
    { headers: { authorization: undefined } },
    400,
    JSON11,
    '{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}',
  ],
  [
    'two signatures',
    { url: '/?X-Amz-Algorithm=x' },
    400,
    JSON11,
    `{"__type":"InvalidSignatureException","message":"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}`,
  ],
  [
    'a header without its parts',
    { headers: { authorization: 'AWS4-HMAC-SHA256', 'x-amz-date': undefined } },
    400,
    JSON11,
    `{"__type":"IncompleteSignatureException","message":"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"}`,
  ],
  [
    'a query without its parts',
    { url: '/?X-Amz-Algorithm', headers: { authorization: undefined } },
    400,
    JSON11,
    `{"__type":"IncompleteSignatureException","message":"AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."}`,
  ],
  [
    'a wrong type beside a missing signature',
    { body: '{"Limit":"x"}', headers: { authorization: undefined } },
    400,
    JSON11,
    '{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}',
  ],
  [
    'a wrong type',
    { body: '{"Limit":"x"}' },
    400,
    JSON11,
    '{"__type":"SerializationException","Message":"class java.lang.String can not be converted to an Integer"}',
  ],
  [
    'a list for a body',
    { body: '[]' },
    400,
    JSON11,
    '{"__type":"SerializationException","Message":"Start of list found where not expected"}',
  ],
  [
    'a broken constraint',
    { body: '{"Limit":0}' },
    400,
    JSON11,
    `{"__type":"ValidationException","message":"1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"}`,
  ],
]

describe('the order of checks', () => {
  it.each(rows)('%s', async (_what, change, status, type, text) => {
    const dispatch = dispatcher()
    expect(await answer(dispatch, change)).toMatchObject({ status, type, text })
    expect(calls).toEqual([])
  })

  it.each(rows)('%s carries both ids', async (_what, change) => {
    const { headers } = await answer(dispatcher(), change)
    expect(headers['x-amzn-RequestId']).toBe('11111111-2222-4333-8444-555555555555')
    expect(Buffer.from(headers['x-amz-id-2'] ?? '', 'base64')).toHaveLength(72)
  })
})

describe('an operation', () => {
  it('gets its input, its caller and its deadline, and answers in the encoding asked in', async () => {
    const dispatch = dispatcher(async () => ({ StreamNames: ['a'], HasMoreStreams: false }))
    const json = await answer(dispatch, {
      body: '{"Limit":3,"Strange":1}',
      headers: { 'content-type': `${JSON11}; charset=utf-8` },
    })
    expect(json).toMatchObject({ status: 200, type: JSON11, text: '{"HasMoreStreams":false,"StreamNames":["a"]}' })
    expect(calls[0]).toEqual({
      name: 'ListStreams',
      input: { Limit: 3 },
      account: '000000000000',
      region: 'eu-west-1',
      deadlineMs: clock.monotonic() + 20_000,
    })
    const inCbor = await answer(dispatch, {
      body: encodeRequest(ListStreams, 'cbor', { Limit: 3 }),
      headers: { 'content-type': CBOR11 },
    })
    expect(inCbor).toMatchObject({ status: 200, type: CBOR11 })
  })

  it('of a 12-digit access key runs in the account of that name', async () => {
    const authorization = signed.replace('AKID', '123456789012')
    await answer(dispatcher(), { headers: { authorization } })
    expect(calls[0]?.account).toBe('123456789012')
  })

  it('without output answers 200 with no bytes', async () => {
    const dispatch = dispatcher(async () => undefined)
    const body = '{"StreamName":"s"}'
    const headers = { 'x-amz-target': 'Kinesis_20131202.DeleteStream' }
    expect(await answer(dispatch, { body, headers })).toMatchObject({ status: 200, type: JSON11, text: '' })
  })

  it.each([
    [
      new KinesisError('ResourceNotFoundException', 'Stream s under account 1 not found.'),
      400,
      '{"__type":"ResourceNotFoundException","message":"Stream s under account 1 not found."}',
    ],
    [new KinesisError('InternalFailure'), 500, '{"__type":"InternalFailure"}'],
    [new TypeError('a secret of ours'), 500, '{"__type":"InternalFailure"}'],
  ])('that fails is told as it should be: %s', async (error, status, text) => {
    expect(
      await answer(
        dispatcher(async () => {
          throw error
        }),
        {},
      ),
    ).toMatchObject({ status, text })
  })

  it('with a large body is decoded in the thread, to the same', async () => {
    const input = { ShardIterator: 'x'.repeat(100) }
    const dispatch = dispatcher(async () => ({ Records: [], MillisBehindLatest: 0 }))
    const padding = ' '.repeat(300_000)
    const headers = { 'x-amz-target': 'Kinesis_20131202.GetRecords' }
    const body = Buffer.from(Buffer.concat([encodeRequest(GetRecords, 'json', input), Buffer.from(padding)]))
    expect(await answer(dispatch, { body, headers })).toMatchObject({ status: 200 })
    expect(calls[0]?.input).toEqual(input)
    const wrong = Buffer.from(`{"ShardIterator":3}${padding}`)
    expect((await answer(dispatch, { body: wrong, headers })).text).toContain('can not be converted to an String')
    expect((await answer(dispatch, { body: Buffer.from(`{${padding}`), headers })).text).toBe(serialization)
  })

  it('is counted by name and status', async () => {
    answered.length = 0
    await answer(dispatcher(), {})
    await answer(dispatcher(), { method: 'GET' })
    expect(answered).toEqual([
      ['ListStreams', 200],
      ['ListStreams', 403],
    ])
  })
})

describe('CORS', () => {
  const origin = 'http://localhost:3000'
  it('is granted to loopback origins, on errors too', async () => {
    const { headers } = await answer(dispatcher(), { body: '{', headers: { origin } })
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['access-control-expose-headers']).toBe(
      'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date',
    )
  })

  it('answers a preflight without signature, content type and second id', async () => {
    const ask = { 'access-control-request-headers': 'x-amz-target', 'access-control-request-method': 'POST' }
    const { headers, ...rest } = await answer(dispatcher(), {
      method: 'OPTIONS',
      body: '',
      headers: { origin, authorization: undefined, ...ask },
    })
    expect(rest).toMatchObject({ status: 200, text: '' })
    expect(headers).toEqual({
      'x-amzn-RequestId': '11111111-2222-4333-8444-555555555555',
      'access-control-allow-origin': '*',
      'access-control-max-age': '172800',
      'access-control-allow-headers': 'x-amz-target',
      'access-control-allow-methods': 'POST',
    })
  })

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example'])(
    'is not granted to %s',
    async (foreign) => {
      const { status, headers } = await answer(dispatcher(), {
        method: 'OPTIONS',
        body: '',
        headers: { origin: foreign },
      })
      expect(status).toBe(403)
      expect(headers['access-control-allow-origin']).toBeUndefined()
    },
  )
})

describe('a foreign Host on loopback', () => {
  it.each(['evil.example', 'evil.example:4567', 'localhost.evil.example', 'localhost@evil.example', 'a,localhost'])(
    '%s is refused, whatever is asked',
    async (host) => {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const { status, text } = await answer(dispatcher(), { method, url: '/_metrics', headers: { host } })
        expect(status).toBe(403)
        expect(text).toContain('--allowed-hosts')
      }
      expect(calls).toEqual([])
    },
  )

  it.each([
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1:4567',
    '[::1]:4567',
    'kinesis.localhost',
    'localhost.',
    'friend.example:80',
  ])('%s is served', async (host) => {
    expect((await answer(dispatcher(), { headers: { host } })).status).toBe(200)
    expect((await answer(dispatcher(), { headers: { host: undefined, ':authority': host } })).status).toBe(200)
  })
})

describe('pages', () => {
  const get = { method: 'GET', body: '', headers: { authorization: undefined } } as const
  it.each([{ accept: 'text/html,*/*' }, { 'user-agent': 'curl/8.5.0', accept: '*/*' }])(
    '/ speaks plain words to %o',
    async (headers) => {
      const { status, text } = await answer(dispatcher(), { ...get, headers })
      expect(status).toBe(200)
      expect(text).toContain('export AWS_ENDPOINT_URL_KINESIS=http://localhost:4567')
    },
  )

  it('tell health and metrics', async () => {
    const dispatch = dispatcher()
    expect(await answer(dispatch, { ...get, url: '/_health/live' })).toMatchObject({ status: 200 })
    const ready = await answer(dispatch, { ...get, url: '/_health/ready?x' })
    expect(ready).toMatchObject({ status: 503, text: '{"status":"not ready","notes":["no space"]}\n' })
    expect(await answer(dispatch, { ...get, url: '/_metrics' })).toMatchObject({ status: 200, text: 'up 1\n' })
  })
})

describe('whatever the bytes', () => {
  it('there is an answer, and it is not 500', async () => {
    const dispatch = dispatcher()
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.record({
          'content-type': fc.constantFrom(JSON11, CBOR11, 'application/json', 'x', undefined),
          'x-amz-target': fc.oneof(fc.constantFrom('Kinesis_20131202.PutRecords', 'Kinesis_20131202.ListShards'), text),
          authorization: fc.oneof(fc.constant(signed), text),
          origin: fc.option(text, { nil: undefined }),
        }),
        fc.string({ maxLength: 60 }),
        async (body, headers, url) => {
          const { status } = await answer(dispatch, { body, headers, url })
          expect([200, 400, 403, 404]).toContain(status)
        },
      ),
    )
  })
})
