/**
 * RegisterStreamConsumer on the wire: its input and what it may answer. What it does is in the server, in a file of the
 * same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { Consumer, ConsumerName, StreamARN, StreamId, Tags } from './shapes.ts'

const Input = structure('RegisterStreamConsumerInput', {
  StreamARN: required(StreamARN),
  ConsumerName: required(ConsumerName),
  StreamId,
  Tags,
})

const Output = structure('RegisterStreamConsumerOutput', { Consumer: required(Consumer) })

/** Registers a consumer with a stream: once ACTIVE, it can subscribe to its shards. */
export const RegisterStreamConsumer = operation('RegisterStreamConsumer', {
  input: Input,
  output: Output,
  errors: ['InvalidArgumentException', 'LimitExceededException', 'ResourceInUseException', 'ResourceNotFoundException'],
})

export type RegisterStreamConsumerInput = Infer<typeof Input>
export type RegisterStreamConsumerOutput = Infer<typeof Output>
