/** The events of a subscription as the messages of an event stream: what an operation throws on the way is the last one. */
import {
  EncodedRecords,
  type EncodedSubscribeToShardEvent,
  encodeSubscribeToShardEvent,
  encodeSubscriptionException,
  initialResponse,
  KinesisError,
} from '@millrace/protocol'

interface EventStreamOutput {
  readonly EventStream: AsyncIterable<EncodedSubscribeToShardEvent>
}

interface Made {
  readonly event: EncodedSubscribeToShardEvent
  readonly message: readonly Uint8Array[]
}

/** The last message of records that several subscribers may be sent, for as long as one of them holds the records. */
const made = new WeakMap<EncodedRecords, Made>()

export function isEventStream(output: unknown): output is EventStreamOutput {
  return typeof output === 'object' && output !== null && 'EventStream' in output
}

/** Each message in pieces, which are the same for all who are sent the same. `report` is told of what is no KinesisError. */
export async function* eventMessages(
  { EventStream: events }: EventStreamOutput,
  report: (error: unknown) => void,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  yield [initialResponse]
  try {
    for await (const event of events) yield messageOf(event)
  } catch (error) {
    if (!(error instanceof KinesisError)) report(error)
    yield [encodeSubscriptionException(error instanceof KinesisError ? error : new KinesisError('InternalFailure'))]
  }
}

function messageOf(event: EncodedSubscribeToShardEvent): readonly Uint8Array[] {
  const { Records: records } = event
  if (!(records instanceof EncodedRecords)) return encodeSubscribeToShardEvent(event)
  const known = made.get(records)
  if (known !== undefined && isSame(known.event, event)) return known.message
  const message = encodeSubscribeToShardEvent(event)
  made.set(records, { event, message })
  return message
}

/** Of two events with the same records. Those with children are the last of their shard, and few. */
function isSame(a: EncodedSubscribeToShardEvent, b: EncodedSubscribeToShardEvent): boolean {
  return (
    a.ContinuationSequenceNumber === b.ContinuationSequenceNumber &&
    a.MillisBehindLatest === b.MillisBehindLatest &&
    a.ChildShards === undefined &&
    b.ChildShards === undefined
  )
}
