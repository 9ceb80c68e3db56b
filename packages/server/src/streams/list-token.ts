/** Sealed NextTokens of the List operations: what to list, and after which entry to go on. Five minutes valid. */
import { NEXT_TOKEN_LIFE_MS } from '@millrace/protocol'

import type { TokenSeal } from './sealed-token.ts'

export type ListTokenFault = 'invalid' | 'expired'

interface Envelope {
  readonly issuedMs: number
  readonly state: unknown
}

/** `state` is plain data that the same operation reads back; it is never shown to callers. */
export function sealListToken(seal: TokenSeal, operation: string, state: unknown, nowMs: number): string {
  const envelope: Envelope = { issuedMs: nowMs, state }
  return seal.seal(`next-token ${operation}`, Buffer.from(JSON.stringify(envelope)))
}

/** What was sealed by the same operation: only our own key can have made it, so its shape is trusted. */
export function openListToken<State>(
  seal: TokenSeal,
  operation: string,
  text: string,
  nowMs: number,
): { readonly state: State } | { readonly fault: ListTokenFault } {
  const envelope = openEnvelope(seal, operation, text)
  if (envelope === undefined) return { fault: 'invalid' }
  if (nowMs - envelope.issuedMs > NEXT_TOKEN_LIFE_MS) return { fault: 'expired' }
  return { state: envelope.state as State }
}

/** What a token lists, whatever the time; `undefined` for what is no token of that operation, at any time. */
export function listTokenState<State>(seal: TokenSeal, operation: string, text: string): State | undefined {
  return openEnvelope(seal, operation, text)?.state as State | undefined
}

function openEnvelope(seal: TokenSeal, operation: string, text: string): Envelope | undefined {
  const bytes = seal.open(`next-token ${operation}`, text)
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as Envelope)
}
