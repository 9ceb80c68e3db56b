import { createHash, createHmac } from 'node:crypto'

import { type KinesisError, presignRequest, type SignableRequest } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { SignatureV4 } from '@smithy/signature-v4'
import { describe, expect, it } from 'vitest'

import { TokenSeal } from '../streams/sealed-token.ts'
import { openFrontDesk } from './front-desk.ts'

const clock = new VirtualClock()
const key = {
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'secret',
  account: '111122223333',
  user: 'ann',
  role: undefined,
  policies: [],
}
const { authenticate } = openFrontDesk({
  mode: 'keys',
  credentials: () => ({ accessKeys: new Map([[key.accessKeyId, key]]), roles: [] }),
  account: '000000000000',
  region: 'us-east-1',
  seal: new TokenSeal(new Uint8Array(32), seededRandom(1)),
  clock,
  random: seededRandom(1),
})

/** The SDK's own hash port, over node:crypto. */
class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {}
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array | string {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

const body = Buffer.from('{"Limit":3}')

/** As the official SDK signs it. */
async function signed(hostHeader: 'host' | ':authority', secretAccessKey = key.secretAccessKey, atMs = clock.now()) {
  const signer = new SignatureV4({
    service: 'kinesis',
    region: 'eu-central-1',
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey },
    sha256: Sha256,
  })
  const { headers } = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: 'localhost',
      path: '/',
      query: {},
      headers: {
        [hostHeader]: 'localhost:4567',
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.ListStreams',
      },
      body,
    } as Parameters<typeof signer.sign>[0],
    { signingDate: new Date(atMs) },
  )
  return { method: 'POST', url: '/', headers: headers as Record<string, string>, body }
}

function errorOf(request: SignableRequest & { headers: Record<string, string> }): KinesisError | undefined {
  try {
    authenticate.caller(request, undefined)
    return undefined
  } catch (error) {
    return error as KinesisError
  }
}

describe('keys', () => {
  it.each(['host', ':authority'] as const)('takes what the official signer signs over %s', async (name) => {
    expect(authenticate.caller(await signed(name), undefined)).toEqual({
      account: '111122223333',
      region: 'eu-central-1',
      accessKeyId: key.accessKeyId,
      principal: expect.objectContaining({ arn: 'arn:aws:iam::111122223333:user/ann' }) as unknown,
    })
  })

  it('takes a signature in the query', () => {
    const request = { method: 'POST', url: '/', headers: { host: 'localhost' }, body }
    const url = presignRequest(request, { ...key, region: 'us-east-1', nowMs: clock.now() })
    expect(authenticate.caller({ ...request, url }, undefined).account).toBe('111122223333')
  })

  it('takes the hash of a body that was hashed elsewhere, and sees when it is of another', async () => {
    const request = await signed('host')
    const hash = createHash('sha256').update(body).digest('hex')
    expect(authenticate.caller({ ...request, body: new Uint8Array(0) }, hash).account).toBe('111122223333')
    expect(() =>
      authenticate.caller(
        request,
        hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
      ),
    ).toThrow()
  })

  it('refuses another secret, another body, another target', async () => {
    const good = await signed('host')
    const bad = [
      await signed('host', 'guess'),
      { ...good, body: Buffer.from('{"Limit":4}') },
      { ...good, headers: { ...good.headers, 'x-amz-target': 'Kinesis_20131202.DeleteStream' } },
    ]
    for (const request of bad) expect(errorOf(request)?.type).toBe('InvalidSignatureException')
  })

  it.each([
    [-5 * 60_000, undefined],
    [-5 * 60_000 - 1000, /^Signature expired: /],
    [5 * 60_000, undefined],
    [5 * 60_000 + 1000, /^Signature not yet current: /],
  ])('a clock off by %i ms: %s', async (offMs, message) => {
    const error = errorOf(await signed('host', key.secretAccessKey, clock.now() + offMs))
    if (message === undefined) expect(error).toBeUndefined()
    else expect(error?.message).toMatch(message)
  })

  it('does not know other keys, nor session tokens', async () => {
    const request = await signed('host')
    const authorization = request.headers['authorization'] ?? ''
    const stranger = {
      ...request,
      headers: { ...request.headers, authorization: authorization.replace('AKIA', 'AKIB') },
    }
    const session = { ...request, headers: { ...request.headers, 'x-amz-security-token': 'x' } }
    for (const bad of [stranger, session]) {
      expect(errorOf(bad)).toMatchObject({
        type: 'UnrecognizedClientException',
        message: 'The security token included in the request is invalid.',
      })
    }
  })
})
