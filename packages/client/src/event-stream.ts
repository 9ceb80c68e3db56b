/**
 * The reading side of an event stream (KINESIS.md, section 15): messages out of the body, exceptions inside it as
 * errors. What an event means is for its operation to say; here it is a type and bytes.
 */
import { decodeError, type EventMessage, EventMessageDecoder, EventStreamError } from '@millrace/protocol'
import { KinesisServiceError, KinesisTransportError } from './errors.ts'
import { codecOf } from './refusal.ts'
import { classOfAnswer } from './retry/failure.ts'
import type { HttpAnswer } from './transport/transport.ts'

export interface EventStreamEvent {
  /** `:event-type`, such as `SubscribeToShardEvent`. */
  readonly type: string
  /** Of the payload: `application/json` for all events of Kinesis. */
  readonly contentType: string | undefined
  readonly payload: Uint8Array
}

const CONTENT_TYPE = 'application/vnd.amazon.eventstream'

/** The events of `answer` up to the clean end of the stream. Leaving early ends the exchange. */
export async function* readEventStream(
  operation: string,
  answer: HttpAnswer,
  origin: string,
): AsyncGenerator<EventStreamEvent, void, undefined> {
  const contentType = answer.headers['content-type']
  if (contentType !== CONTENT_TYPE) {
    await answer.body[Symbol.asyncIterator]().return?.()
    throw malformed(`Expected an event stream from ${origin}, found content of type ${contentType ?? 'none'}.`)
  }
  const requestId = answer.headers['x-amzn-requestid']
  const decoder = new EventMessageDecoder()
  try {
    for await (const chunk of answer.body)
      for (const message of decoder.push(chunk)) {
        const event = eventOf(message, operation, requestId)
        if (event.type !== 'initial-response') yield event
      }
  } catch (error) {
    throw error instanceof EventStreamError
      ? malformed(`The event stream of ${origin} is damaged: ${error.message}.`, error)
      : error
  }
  try {
    decoder.end()
  } catch (cause) {
    throw new KinesisTransportError('closed', `${origin} ended the event stream within a message.`, {
      outcome: 'unknown',
      cause,
    })
  }
}

/** Throws a `KinesisServiceError` for a message that is an exception or an error. */
function eventOf(
  { headers, payload }: EventMessage,
  operation: string,
  requestId: string | undefined,
): EventStreamEvent {
  const contentType = headers.get(':content-type')
  if (headers.get(':message-type') === 'event') return { type: headers.get(':event-type') ?? '', contentType, payload }
  const named = headers.get(':exception-type') ?? headers.get(':error-code')
  const decoded = decodeError(codecOf(contentType ?? ''), 500, payload, named)
  const type = named ?? decoded.type
  const text = headers.get(':error-message') ?? decoded.message
  throw new KinesisServiceError({
    type,
    message: `The event stream of ${operation} ended with ${type}${text === '' ? '' : `: ${text}`}`,
    status: 200,
    retryable: classOfAnswer(type, 200) !== 'final',
    requestId,
    operation,
    outcome: 'unknown',
    attempts: 1,
  })
}

function malformed(message: string, cause?: unknown): KinesisTransportError {
  return new KinesisTransportError('malformed', message, { outcome: 'unknown', cause })
}
