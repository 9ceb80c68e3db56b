/** An answer that is not a success, as an error and a class of failure. */
import { type Codec, decodeError } from '@millrace/protocol'
import type { Clock } from '@millrace/std'
import { KinesisServiceError } from './errors.ts'
import { classOfAnswer, type Failure, retryAfterMs } from './retry/failure.ts'
import { collectBody } from './transport/body.ts'
import type { HttpAnswer } from './transport/transport.ts'

/** Error bodies are a line or two; what a proxy in between sends is a page at most. */
const ERROR_BYTES_MAX = 256 * 1024

export interface Refusal extends Failure {
  readonly error: KinesisServiceError
}

export async function readRefusal(
  operation: string,
  attempt: number,
  answer: HttpAnswer,
  origin: string,
  clock: Clock,
): Promise<Refusal> {
  const { status, headers } = answer
  const bytes = await collectBody(answer.body, headers['content-length'], ERROR_BYTES_MAX, origin)
  const codec = codecOf(headers['content-type'] ?? '')
  const { type, message } = decodeError(codec, status, bytes, headers['x-amzn-errortype'])
  const failureClass = classOfAnswer(type, status)
  const after = retryAfterMs(headers, clock.now())
  return {
    class: failureClass,
    ...(after === undefined ? {} : { retryAfterMs: after }),
    error: new KinesisServiceError({
      type,
      message: `${operation} failed with ${status} ${type}${message === '' ? '' : `: ${message}`}`,
      status,
      retryable: failureClass !== 'final',
      requestId: headers['x-amzn-requestid'],
      operation,
      // A refusal and a throttle come before the work; a failure of the service may come after it.
      outcome: failureClass === 'transient' ? 'unknown' : 'not-done',
      attempts: attempt,
    }),
  }
}

/** The encoding that a content type names; `undefined` for one that is not Kinesis's. */
export function codecOf(contentType: string): Codec | undefined {
  const [bare = ''] = contentType.split(';')
  const name = bare.trim().toLowerCase()
  if (name === 'application/x-amz-json-1.1' || name === 'application/json') return 'json'
  return name === 'application/x-amz-cbor-1.1' ? 'cbor' : undefined
}
