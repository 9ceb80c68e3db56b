/**
 * Requests made by hand, for what an SDK would never send. Where nobody verifies it, the signature has the right shape and
 * no meaning.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import { signRequest } from '@millrace/protocol'
import type { Service } from './service.ts'

/** Whom a request made by hand speaks to, and as whom. */
type Target = Pick<Service, 'endpoint' | 'keys' | 'region' | 'signs' | 'livesOn'>

/** Less than a test has: who waits in vain is to be told for what. */
const ANSWER_MS = 30_000
const AGAIN_MS = 200

/** The headers of a request as they are sent, with its authorization. `extra` may say otherwise. */
export function headersOf(
  { endpoint, keys, region, signs }: Target,
  operation: string,
  body: string | Uint8Array,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `Kinesis_20131202.${operation}`,
    ...extra,
  }
  const { host, pathname, search } = new URL(endpoint)
  const request = { method: 'POST', url: pathname + search, headers: { ...headers, host }, body: Buffer.from(body) }
  const scope = `${keys.accessKeyId}/20261122/${region}/kinesis/aws4_request`
  const shape = {
    'x-amz-date': '20261122T000000Z',
    authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
  }
  return { ...headers, ...(signs ? signRequest(request, { ...keys, region, nowMs: Date.now() }) : shape) }
}

export interface WireAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

/** Asks again where a service that lives on answers only so many a second; tells its last word in any case. */
async function inTurn<T extends { readonly status: number; readonly body: Buffer | string }>(
  { livesOn }: Target,
  ask: () => Promise<T>,
): Promise<T> {
  const endMs = performance.now() + ANSWER_MS
  for (;;) {
    const answer = await ask()
    const isTooMany = livesOn && answer.status === 400 && answer.body.includes('Rate exceeded for ')
    if (!isTooMany || performance.now() >= endMs) return answer
    await delay(AGAIN_MS)
  }
}

export async function post(
  target: Target,
  operation: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<WireAnswer> {
  return inTurn(target, async () => {
    const response = await fetch(target.endpoint, {
      method: 'POST',
      body,
      headers: headersOf(target, operation, body, headers),
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  })
}

/** One HTTP/2 request on a session; resolves with status, headers and body. */
export function h2Post(
  session: ClientHttp2Session,
  target: Target,
  operation: string,
  body: string,
): Promise<{ status: number; body: string }> {
  const ask = () =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': '/', ...headersOf(target, operation, body) })
      let status = 0
      let text = ''
      stream.setEncoding('utf8')
      stream.on('response', (headers) => (status = headers[':status'] ?? 0))
      stream.on('data', (chunk: string) => (text += chunk))
      stream.on('end', () => resolve({ status, body: text }))
      stream.on('error', reject)
      stream.on('close', () => reject(new Error(`${operation}: the stream was closed before its answer had ended`)))
      stream.setTimeout(ANSWER_MS, () => stream.destroy(new Error(`${operation}: no answer in ${ANSWER_MS} ms`)))
      stream.end(body)
    })
  return inTurn(target, ask)
}

export const openSession = (url: string, options: Parameters<typeof connect>[1]): Promise<ClientHttp2Session> =>
  new Promise((resolve, reject) => {
    const session = connect(url, options, () => resolve(session))
    session.on('error', reject)
    session.on('close', () => reject(new Error(`${url}: the session was closed before it was open`)))
    session.setTimeout(ANSWER_MS, () => session.destroy(new Error(`${url}: nothing came for ${ANSWER_MS} ms`)))
  })
