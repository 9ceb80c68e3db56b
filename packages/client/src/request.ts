/** One signed request for one attempt (KINESIS.md, sections 1, 3 and 23). Signed anew each time: the time is in it. */
import { type Codec, signRequest, type SigningKeyCache } from '@millrace/protocol'
import type { Random } from '@millrace/std'
import type { Credentials } from './credentials/credentials.ts'
import type { HttpRequest } from './transport/transport.ts'

export interface RequestFields {
  /** Of the operation. */
  readonly target: string
  readonly codec: Codec
  readonly body: Uint8Array
  readonly endpoint: URL
  readonly region: string
  readonly credentials: Credentials
  readonly keys: SigningKeyCache
  /** The time to sign with, in ms since the epoch. */
  readonly timeMs: number
  readonly userAgent: string
  /** The same in all attempts of a call. */
  readonly invocation: string
  readonly attempt: number
  readonly maxAttempts: number
}

export function signedRequest(fields: RequestFields): HttpRequest {
  const { endpoint, body, target, codec, credentials, keys, region, timeMs } = fields
  // `host` also for HTTP/2, where `:authority` carries it: services take one for the other.
  const headers = {
    host: endpoint.host,
    'content-type': `application/x-amz-${codec}-1.1`,
    'x-amz-target': target,
    'user-agent': fields.userAgent,
    'amz-sdk-invocation-id': fields.invocation,
    'amz-sdk-request': `attempt=${fields.attempt}; max=${fields.maxAttempts}`,
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const signature = signRequest(
    { method: 'POST', url: endpoint.pathname + endpoint.search, headers, body },
    { accessKeyId, secretAccessKey, sessionToken, region, nowMs: timeMs, keys },
  )
  return { method: 'POST', url: endpoint, headers: { ...headers, ...signature }, body }
}

/** A random UUID (RFC 9562, version 4) that marks the attempts of one call. */
export function invocationId(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
