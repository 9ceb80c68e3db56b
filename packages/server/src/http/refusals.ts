/**
 * Answers that the listener gives by itself, before or instead of the dispatcher: the request is too large, too
 * slow, or one too many, or its operation never came back.
 */
import type { WireResponse } from './wire.ts'

export type Refusal = 'too-large' | 'too-slow' | 'unavailable' | 'internal-failure'

const refusals: Readonly<Record<Refusal, { readonly status: number; readonly type?: string }>> = {
  // The real service's 413 has no useful body either.
  'too-large': { status: 413 },
  'too-slow': { status: 408 },
  unavailable: { status: 503, type: 'ServiceUnavailable' },
  'internal-failure': { status: 500, type: 'InternalFailure' },
}

export function refusal(kind: Refusal, requestId: string): WireResponse {
  const { status, type } = refusals[kind]
  const headers: Record<string, string> = { 'x-amzn-RequestId': requestId }
  if (type === undefined) return { status, headers, body: [] }
  headers['content-type'] = 'application/x-amz-json-1.1'
  return { status, headers, body: [Buffer.from(`{"__type":"${type}"}`)] }
}
