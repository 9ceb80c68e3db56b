/**
 * DescribeStreamConsumer on the wire: its input and what it may answer. What it does is in the server, in a file of the
 * same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ConsumerARN, ConsumerDescription, ConsumerName, StreamARN, StreamId } from './shapes.ts'

const Input = structure('DescribeStreamConsumerInput', {
  /** With `ConsumerName`; or `ConsumerARN` alone; or all three if they agree. */
  StreamARN,
  ConsumerName,
  ConsumerARN,
  StreamId,
})

const Output = structure('DescribeStreamConsumerOutput', { ConsumerDescription: required(ConsumerDescription) })

/** Describes a registered consumer. */
export const DescribeStreamConsumer = operation('DescribeStreamConsumer', {
  input: Input,
  output: Output,
  errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
})

export type DescribeStreamConsumerInput = Infer<typeof Input>
export type DescribeStreamConsumerOutput = Infer<typeof Output>
