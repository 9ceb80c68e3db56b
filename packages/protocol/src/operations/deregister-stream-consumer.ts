/**
 * DeregisterStreamConsumer on the wire: its input; it answers with nothing. What it does is in the server, in a file of
 * the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { structure } from '../schema/schema.ts'
import { ConsumerARN, ConsumerName, StreamARN, StreamId } from './shapes.ts'

const Input = structure('DeregisterStreamConsumerInput', {
  /** With `ConsumerName`; or `ConsumerARN` alone; or all three if they agree. */
  StreamARN,
  ConsumerName,
  ConsumerARN,
  StreamId,
})

/** Takes a consumer off its stream. Its subscriptions end. */
export const DeregisterStreamConsumer = operation('DeregisterStreamConsumer', {
  input: Input,
  errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
})

export type DeregisterStreamConsumerInput = Infer<typeof Input>
export type DeregisterStreamConsumerOutput = void
