/**
 * The answers of the front door as bytes: what the real service sends before an operation is found (KINESIS.md §2),
 * byte for byte, and our own pages. Also the headers that every answer carries.
 */
import { type Codec, encodeError, type ErrorAnswer } from '@millrace/protocol'

import type { WireBody, WireResponse } from './wire.ts'

export const JSON_TYPE = 'application/x-amz-json-1.1'
export const CBOR_TYPE = 'application/x-amz-cbor-1.1'
export const PLAIN_JSON_TYPE = 'application/json'

/** What an answer is before the headers common to all are added. */
export interface Answer {
  readonly status: number
  readonly contentType?: string
  readonly body?: Uint8Array | WireBody
  readonly headers?: Readonly<Record<string, string>>
  /** Of the headers common to all it has the request's id alone. */
  readonly isPreflight?: boolean
}

const accessDeniedXml = Buffer.from(
  '<AccessDeniedException>\n' +
    '  <Message>Unable to determine service/operation name to be authorized</Message>\n' +
    '</AccessDeniedException>\n',
)
const unknownOperationXml = Buffer.from('<UnknownOperationException/>\n')

/** Not a request for an operation at all. */
export const notAnOperation: Answer = { status: 403, body: accessDeniedXml }

/** An operation in an encoding that is not served. */
export const unknownEncoding: Answer = { status: 404, body: unknownOperationXml }

export function contentTypeOf(codec: Codec): string {
  return codec === 'json' ? JSON_TYPE : CBOR_TYPE
}

export function errorAnswer(codec: Codec, error: ErrorAnswer, status: number): Answer {
  return { status, contentType: contentTypeOf(codec), body: encodeError(codec, error) }
}

/** What `application/json` gets: recognised, and never served. */
export function envelopeAnswer(type: 'SerializationException' | 'UnknownOperationException', status: number): Answer {
  const body = `{"Output":{"__type":"com.amazon.coral.service#${type}"},"Version":"1.0"}`
  return { status, contentType: PLAIN_JSON_TYPE, body: Buffer.from(body) }
}

export function textAnswer(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(text) }
}

const EXPOSED = 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date'
const PREFLIGHT_SECONDS = '172800'

export interface CommonHeaders {
  readonly requestId: string
  readonly extendedId: string
  /** The request's origin is granted. */
  readonly cors: boolean
}

export function toResponse(answer: Answer, common: CommonHeaders): WireResponse {
  const { status, body = [] } = answer
  if (answer.isPreflight)
    return { status, headers: { 'x-amzn-RequestId': common.requestId, ...answer.headers }, body: [] }
  const headers: Record<string, string> = { 'x-amzn-RequestId': common.requestId, 'x-amz-id-2': common.extendedId }
  if (answer.contentType !== undefined) headers['content-type'] = answer.contentType
  if (common.cors) {
    headers['access-control-allow-origin'] = '*'
    headers['access-control-expose-headers'] = EXPOSED
  }
  if (answer.headers !== undefined) Object.assign(headers, answer.headers)
  return { status, headers, body: body instanceof Uint8Array ? [body] : body }
}

/** What a browser asks before it sends. Echoes what it wants to send; not authenticated. */
export function preflightAnswer(request: Readonly<Record<string, string>>): Answer {
  const headers: Record<string, string> = {
    'access-control-allow-origin': '*',
    'access-control-max-age': PREFLIGHT_SECONDS,
  }
  const wantedHeaders = request['access-control-request-headers']
  const wantedMethod = request['access-control-request-method']
  if (wantedHeaders !== undefined) headers['access-control-allow-headers'] = wantedHeaders
  if (wantedMethod !== undefined) headers['access-control-allow-methods'] = wantedMethod
  return { status: 200, headers, isPreflight: true }
}
