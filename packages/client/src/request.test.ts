import { SigningKeyCache } from '@millrace/protocol'
import { seededRandom } from '@millrace/std/testing'
import { SignatureV4 } from '@smithy/signature-v4'
import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { invocationId, signedRequest } from './request.ts'

/** Node's hashes in the shape that the oracle asks for. */
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
  reset(): void {}
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}

describe('signedRequest', () => {
  it('signs as AWS’s own signer does, whatever the endpoint, the keys and the body', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          body: fc.uint8Array({ maxLength: 200 }),
          port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
          path: fc.constantFrom('', '/', '/some/path', '/a%20b'),
          sessionToken: fc.option(fc.stringMatching(/^[\w+/=]{1,60}$/), { nil: undefined }),
          secretAccessKey: fc.stringMatching(/^[\w+/]{1,40}$/),
          codec: fc.constantFrom('json' as const, 'cbor' as const),
          timeMs: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) }),
        }),
        async ({ body, port, path, sessionToken, secretAccessKey, codec, timeMs }) => {
          const endpoint = new URL(`https://kinesis.test${port === undefined ? '' : `:${port}`}${path}`)
          const credentials = {
            accessKeyId: 'AKIDTEST',
            secretAccessKey,
            ...(sessionToken === undefined ? {} : { sessionToken }),
          }
          const { headers } = signedRequest({
            target: 'Kinesis_20131202.PutRecord',
            codec,
            body,
            endpoint,
            region: 'eu-west-1',
            credentials,
            keys: new SigningKeyCache(),
            timeMs,
            userAgent: 'test',
            invocation: 'i',
            attempt: 1,
            maxAttempts: 3,
          })
          const signed = /SignedHeaders=([^,]+)/.exec(headers['authorization'] ?? '')?.[1]?.split(';') ?? []
          expect(signed).toEqual(expect.arrayContaining(['content-type', 'host', 'x-amz-date', 'x-amz-target']))
          const oracle = new SignatureV4({
            service: 'kinesis',
            region: 'eu-west-1',
            credentials,
            sha256: Sha256,
            applyChecksum: false,
          })
          const theirs = await oracle.sign(
            {
              protocol: 'https:',
              hostname: endpoint.hostname,
              method: 'POST',
              path: endpoint.pathname,
              query: {},
              headers: Object.fromEntries(
                Object.entries(headers).filter(([name]) => signed.includes(name) && !/date|token/.test(name)),
              ),
              body,
            },
            { signingDate: new Date(timeMs) },
          )
          expect(headers['authorization']).toBe(theirs.headers['authorization'])
          expect(headers['x-amz-security-token']).toBe(sessionToken)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('invocationId', () => {
  it('is a version 4 UUID', () => {
    const id = invocationId(seededRandom(7))
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(invocationId(seededRandom(8))).not.toBe(id)
  })
})
