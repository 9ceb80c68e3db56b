/** The Security Token Service, without a socket: forms and XML, trust, durations, and what a session is worth when. */
import { KinesisError, signRequest } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'

import { stsAnswer, stsForm } from '../http/sts-answers.ts'
import type { WireRequest } from '../http/wire.ts'
import { TokenSeal } from '../streams/sealed-token.ts'
import type { AuthMode } from './authenticate.ts'
import { type Credentials, parseCredentials } from './credentials.ts'
import { type FrontDesk, openFrontDesk } from './front-desk.ts'

const HOME = '111122223333'
const TYPE = 'application/x-www-form-urlencoded'

const file = (trusted: string, more = ''): Credentials =>
  parseCredentials(
    `
accessKeys:
  - { accessKeyId: ANN, secretAccessKey: s, account: "${HOME}", user: ann }
  - { accessKeyId: BOB, secretAccessKey: s, account: "${HOME}", user: bob, policies: [assumers] }
roles:
  - name: reader
    account: "${HOME}"
    trust: { Statement: { Effect: Allow, Principal: { AWS: ${trusted} }, Action: "sts:AssumeRole" } }
    ${more}
policies:
  assumers: { Statement: { Effect: Allow, Action: "sts:*", Resource: "*" } }
`,
    'c.yaml',
  )

let clock: VirtualClock
let credentials: Credentials
beforeEach(() => {
  clock = new VirtualClock()
  credentials = file(`"${HOME}"`)
})

const desk = (mode: AuthMode = 'iam'): FrontDesk =>
  openFrontDesk({
    mode,
    credentials: () => credentials,
    account: '000000000000',
    region: 'us-east-1',
    // Every server of a catalog has the same key.
    seal: new TokenSeal(new Uint8Array(32), seededRandom(2)),
    clock,
    random: seededRandom(3),
  })

interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

function signed(service: string, keys: Keys, body: string): WireRequest {
  const unsigned = {
    method: 'POST',
    url: '/',
    headers: { host: 'localhost', 'content-type': `${TYPE}; charset=utf-8` },
    body: Buffer.from(body),
  }
  const headers = signRequest(unsigned, { ...keys, service, region: 'eu-west-1', nowMs: clock.now() })
  return { ...unsigned, id: 'id', headers: { ...unsigned.headers, ...headers }, signal: new AbortController().signal }
}

function call(of: FrontDesk, keys: Keys, parameters: Record<string, string>) {
  const body = new URLSearchParams({ Version: '2011-06-15', ...parameters }).toString()
  const request = signed('sts', keys, body)
  const form = stsForm(TYPE, request)
  if (form === undefined) throw new Error('not a request of this service')
  const answer = stsAnswer(of.sts, request, form)
  const xml = Buffer.from(answer.body as Uint8Array).toString()
  return {
    status: answer.status,
    xml,
    text: (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(xml)?.[1] ?? '',
  }
}

const key = (accessKeyId: string): Keys => ({ accessKeyId, secretAccessKey: 's' })
const assume = { Action: 'AssumeRole', RoleArn: `arn:aws:iam::${HOME}:role/reader`, RoleSessionName: 'morning' }

function sessionOf(of: FrontDesk, keys: Keys, more: Record<string, string> = {}): Keys {
  const { text, xml } = call(of, keys, { ...assume, ...more })
  expect(xml).toContain('<AssumeRoleResult>')
  return {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: text('SecretAccessKey'),
    sessionToken: text('SessionToken'),
  }
}

function errorType(of: FrontDesk, keys: Keys): string {
  try {
    of.authenticate.caller(signed('kinesis', keys, '{}'), undefined)
    return 'none'
  } catch (error) {
    return error instanceof KinesisError ? error.type : String(error)
  }
}

describe('who is told from other forms', () => {
  const request = (body: string, headers: Record<string, string> = {}): WireRequest => ({
    id: 'id',
    method: 'POST',
    url: '/',
    headers,
    body: Buffer.from(body),
    signal: new AbortController().signal,
  })
  const good = 'Action=GetCallerIdentity&Version=2011-06-15'

  it.each([
    [TYPE, request(good), true],
    ['application/x-amz-json-1.1', request(good), false],
    [TYPE, request(good, { 'x-amz-target': 'Kinesis_20131202.ListStreams' }), false],
    [TYPE, request('Action=GetCallerIdentity'), false],
    [TYPE, request('{}'), false],
    [TYPE, request(`${good}&x=${'x'.repeat(65_536)}`), false],
  ])('%s %#: %s', (type, asked, isOurs) => {
    expect(stsForm(type, asked) !== undefined).toBe(isOurs)
  })
})

describe('GetCallerIdentity', () => {
  it('answers in XML', () => {
    const { status, xml } = call(desk(), key('ANN'), { Action: 'GetCallerIdentity' })
    expect(status).toBe(200)
    expect(xml).toMatch(
      /^<GetCallerIdentityResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><GetCallerIdentityResult><UserId>AIDA[A-Z2-7]{17}<\/UserId><Account>111122223333<\/Account><Arn>arn:aws:iam::111122223333:user\/ann<\/Arn><\/GetCallerIdentityResult><ResponseMetadata><RequestId>id<\/RequestId><\/ResponseMetadata><\/GetCallerIdentityResponse>$/,
    )
  })

  it('takes no signature for another service, and no other operation', () => {
    const form = new URLSearchParams({ Action: 'GetCallerIdentity' })
    const request = signed('kinesis', key('ANN'), form.toString())
    expect(stsAnswer(desk().sts, request, form).status).toBe(403)
    const other = call(desk(), key('ANN'), { Action: 'GetFederationToken<' })
    expect([other.status, other.text('Code')]).toEqual([400, 'InvalidAction'])
    expect(other.text('Message')).toBe('Could not find operation GetFederationToken&lt; for version 2011-06-15')
  })
})

describe('AssumeRole', () => {
  it('trusting the account leaves it to policies; under keys there are none', () => {
    expect(call(desk(), key('ANN'), assume).text('Code')).toBe('AccessDenied')
    expect(call(desk(), key('BOB'), assume).status).toBe(200)
    expect(call(desk('keys'), key('ANN'), assume).status).toBe(200)
  })

  it('trusting a user is enough, and without trust nothing is', () => {
    credentials = file(`"arn:aws:iam::${HOME}:user/ann"`)
    expect(call(desk(), key('ANN'), assume).status).toBe(200)
    for (const mode of ['iam', 'keys'] as const)
      expect(call(desk(mode), key('BOB'), assume)).toMatchObject({ status: 403 })
    const nobodys = { ...assume, RoleArn: assume.RoleArn.replace('reader', 'writer') }
    expect(call(desk('keys'), key('ANN'), nobodys).text('Code')).toBe('AccessDenied')
  })

  it.each([
    [
      { DurationSeconds: '899' },
      "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    ],
    [{ DurationSeconds: '43201' }, 'less than or equal to 43200'],
    [{ DurationSeconds: '7200' }, 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'],
    [{ RoleSessionName: 'a' }, "Value 'a' at 'roleSessionName'"],
    [{ RoleSessionName: 'a/b' }, "Value 'a/b' at 'roleSessionName'"],
    [{ RoleArn: 'reader' }, "Value 'reader' at 'roleArn'"],
    [{ 'Tags.member.1.Key': 'x' }, 'Tags.member.1.Key is not supported by this server.'],
  ])('%j is refused', (change, message) => {
    const { status, text } = call(desk(), key('BOB'), { ...assume, ...change })
    expect([status, text('Code')]).toEqual([400, 'ValidationError'])
    expect(text('Message')).toContain(message)
  })

  it('gives credentials that every server takes until they expire', () => {
    credentials = file(`"${HOME}"`, 'maxSessionDuration: 43200')
    const keys = sessionOf(desk(), key('BOB'), { DurationSeconds: '43200' })
    const other = desk('keys')
    const { account, principal } = other.authenticate.caller(signed('kinesis', keys, '{}'), undefined)
    expect([account, principal?.arn]).toEqual([HOME, `arn:aws:sts::${HOME}:assumed-role/reader/morning`])
    clock.advance(43_199_000)
    expect(errorType(other, keys)).toBe('none')
    clock.advance(1_000)
    expect(errorType(other, keys)).toBe('ExpiredTokenException')
    expect(call(other, keys, { Action: 'GetCallerIdentity' }).text('Code')).toBe('ExpiredToken')
  })

  it('gives nothing that outlives the role, or fits another key', () => {
    const of = desk()
    const keys = sessionOf(of, key('BOB'))
    expect(errorType(of, { ...keys, accessKeyId: 'BOB' })).toBe('UnrecognizedClientException')
    expect(errorType(of, { ...keys, secretAccessKey: 's' })).toBe('InvalidSignatureException')
    credentials = { ...credentials, roles: [] }
    expect(errorType(of, keys)).toBe('UnrecognizedClientException')
  })

  it('a session of a session lasts an hour at most', () => {
    credentials = file(`"*"`, 'maxSessionDuration: 43200\n    policies: [assumers]')
    const first = sessionOf(desk(), key('BOB'))
    sessionOf(desk(), first, { DurationSeconds: '3600' })
    expect(call(desk(), first, { ...assume, DurationSeconds: '3601' }).text('Message')).toContain('role chaining')
  })

  it('under none everybody has any role, and goes on in its account', () => {
    const of = desk('none')
    const keys = sessionOf(of, key('anybody'))
    expect(of.authenticate.caller(signed('kinesis', keys, '{}'), undefined).account).toBe(HOME)
    expect(of.authenticate.caller(signed('kinesis', key('anybody'), '{}'), undefined).account).toBe('000000000000')
  })
})
