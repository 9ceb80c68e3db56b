/**
 * The events of SubscribeToShard as messages, and back (KINESIS.md §15). Payloads are JSON whatever the request was. A
 * message is given in pieces, so that records which many subscribers get are never copied.
 */
import { EncodedRecords } from './record-writer.ts'
import { type ErrorType, KinesisError } from '../errors.ts'
import { SubscribeToShardEventShape, type SubscribeToShardEvent } from '../operations/subscribe-to-shard.ts'
import { decodeStructure } from '../schema/decode.ts'
import { encodeEventMessage, encodeEventMessagePieces } from './event-stream.ts'
import { jsonAroundRecords } from './get-records.ts'
import { encodeJson } from './json-encode.ts'
import { parseJson } from './json-parse.ts'

/** The content type of the whole answer. */
export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream'

/** An event whose records may be encoded already. */
export type EncodedSubscribeToShardEvent = Omit<SubscribeToShardEvent, 'Records'> & {
  readonly Records: SubscribeToShardEvent['Records'] | EncodedRecords
}

const EVENT_HEADERS: ReadonlyMap<string, string> = new Map([
  [':event-type', 'SubscribeToShardEvent'],
  [':content-type', 'application/json'],
  [':message-type', 'event'],
])

/** All members but the records. */
const rest = {
  ...SubscribeToShardEventShape,
  members: SubscribeToShardEventShape.members.filter((member) => member.name !== 'Records'),
}

/** The first message of every subscription: some clients fail without it. */
export const initialResponse: Uint8Array = encodeEventMessage({
  headers: new Map([
    [':event-type', 'initial-response'],
    [':content-type', 'application/x-amz-json-1.1'],
    [':message-type', 'event'],
  ]),
  payload: Buffer.from('{}'),
})

export function encodeSubscribeToShardEvent(event: EncodedSubscribeToShardEvent): readonly Uint8Array[] {
  const { Records: records } = event
  const payload =
    records instanceof EncodedRecords
      ? jsonAroundRecords(records, encodeJson(rest, event))
      : [encodeJson(SubscribeToShardEventShape, event)]
  return encodeEventMessagePieces(EVENT_HEADERS, payload)
}

/** What ends a subscription before its time, as its last message. */
export function encodeSubscriptionException({ type, message }: { type: ErrorType; message: string }): Uint8Array {
  const headers = new Map([
    // The name that the model has for it inside a stream.
    [':exception-type', type === 'InternalFailure' ? 'InternalFailureException' : type],
    [':content-type', 'application/json'],
    [':message-type', 'exception'],
  ])
  return encodeEventMessage({ headers, payload: Buffer.from(JSON.stringify(message === '' ? {} : { message })) })
}

/** Throws a SerializationException when the payload is no event. */
export function decodeSubscribeToShardEvent(payload: Uint8Array): SubscribeToShardEvent {
  const document = parseJson(payload)
  if (typeof document !== 'object' || document === null) throw new KinesisError('SerializationException')
  const event = decodeStructure(SubscribeToShardEventShape, document, 'json')
  return { Records: [], MillisBehindLatest: 0, ...event } as unknown as SubscribeToShardEvent
}
