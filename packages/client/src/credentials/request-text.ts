/** A small exchange with something that hands out keys: bounded, and with errors that name it. */
import { CredentialsError, KinesisTransportError } from '../errors.ts'
import { collectBody } from '../transport/body.ts'
import type { HttpRequest, Transport } from '../transport/transport.ts'

const ANSWER_BYTES_MAX = 64 * 1024

/** Rejects with a retryable `CredentialsError` when there is no answer. */
export async function requestText(
  transport: Transport,
  request: Pick<HttpRequest, 'method' | 'url' | 'headers'> & { readonly body?: Uint8Array },
  what: string,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await transport.exchange({ body: new Uint8Array(0), ...request }, {})
    const length = answer.headers['content-length']
    const bytes = await collectBody(answer.body, length, ANSWER_BYTES_MAX, request.url.origin)
    return { status: answer.status, text: new TextDecoder().decode(bytes) }
  } catch (cause) {
    if (!(cause instanceof KinesisTransportError)) throw cause
    throw new CredentialsError(`No credentials from ${what}: ${cause.message}`, { retryable: true, cause })
  }
}
