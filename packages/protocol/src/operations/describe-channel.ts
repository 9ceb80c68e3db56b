/**
 * DescribeChannel on the wire: its input and what it may answer. What it does is in the server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ChannelARN, ChannelDescription } from './channel-shapes.ts'

const Input = structure('DescribeChannelInput', {
  ChannelARN: required(ChannelARN),
})

const Output = structure('DescribeChannelOutput', {
  ChannelDescription: required(ChannelDescription),
})

/** Describes a channel. */
export const DescribeChannel = operation('DescribeChannel', {
  input: Input,
  output: Output,
  errors: [
    'ValidationException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type DescribeChannelInput = Infer<typeof Input>
export type DescribeChannelOutput = Infer<typeof Output>
