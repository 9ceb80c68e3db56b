/** The events of a subscription as the messages of an event stream: what an operation throws on the way is the last one. */
import {
  type EncodedSubscribeToShardEvent,
  encodeSubscribeToShardEvent,
  encodeSubscriptionException,
  initialResponse,
  KinesisError,
} from '@millrace/protocol'

interface EventStreamOutput {
  readonly EventStream: AsyncIterable<EncodedSubscribeToShardEvent>
}

export function isEventStream(output: unknown): output is EventStreamOutput {
  return typeof output === 'object' && output !== null && 'EventStream' in output
}

/** Each message in pieces. `report` is told of what is no KinesisError. */
export async function* eventMessages(
  { EventStream: events }: EventStreamOutput,
  report: (error: unknown) => void,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  yield [initialResponse]
  try {
    for await (const event of events) yield encodeSubscribeToShardEvent(event)
  } catch (error) {
    if (!(error instanceof KinesisError)) report(error)
    yield [encodeSubscriptionException(error instanceof KinesisError ? error : new KinesisError('InternalFailure'))]
  }
}
