/**
 * ListStreamConsumers on the wire: its input and what it may answer. What it does is in the server, in a file of the
 * same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import { Consumer, NextToken, PageLimit, StreamARN, StreamId, Timestamp } from './shapes.ts'

const Input = structure('ListStreamConsumersInput', {
  StreamARN: required(StreamARN),
  NextToken,
  MaxResults: PageLimit,
  /** Tells the stream from an earlier one of the name. */
  StreamCreationTimestamp: Timestamp,
  StreamId,
})

const Output = structure('ListStreamConsumersOutput', {
  Consumers: list(Consumer),
  /** Only when there is more. */
  NextToken,
})

/** Lists the consumers registered with a stream. */
export const ListStreamConsumers = operation('ListStreamConsumers', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ExpiredNextTokenException',
    'ResourceInUseException',
  ],
})

export type ListStreamConsumersInput = Infer<typeof Input>
export type ListStreamConsumersOutput = Infer<typeof Output>
