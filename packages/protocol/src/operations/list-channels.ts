/**
 * ListChannels on the wire: its input and what it may answer. What it does is in the server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import { ChannelSummary } from './channel-shapes.ts'
import { NextToken, PageLimit, StreamARN, Timestamp } from './shapes.ts'

const Input = structure('ListChannelsInput', {
  /** Of these streams alone. */
  StreamFilter: list(
    structure('StreamFilter', { StreamARN: required(StreamARN), StreamCreationTimestamp: Timestamp }),
    { min: 1, max: 10_000 },
  ),
  MaxResults: PageLimit,
  NextToken,
})

const Output = structure('ListChannelsOutput', {
  ChannelSummaries: required(list(ChannelSummary)),
  /** Only when there is more. */
  NextToken,
})

/** Lists the channels of the account in the region. */
export const ListChannels = operation('ListChannels', {
  input: Input,
  output: Output,
  errors: [
    'ValidationException',
    'ExpiredNextTokenException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type ListChannelsInput = Infer<typeof Input>
export type ListChannelsOutput = Infer<typeof Output>
