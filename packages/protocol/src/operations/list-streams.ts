/** ListStreams on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { list, required, structure } from '../schema/schema.ts'
import { Flag, NextToken, PageLimit, StreamName, StreamSummary } from './shapes.ts'

const Input = structure('ListStreamsInput', {
  Limit: PageLimit,
  ExclusiveStartStreamName: StreamName,
  NextToken,
})

const Output = structure('ListStreamsOutput', {
  HasMoreStreams: required(Flag),
  NextToken,
  StreamNames: required(list(StreamName)),
  StreamSummaries: list(StreamSummary),
})

/** A page of the account's streams in this region, in order of their names, whatever their state. */
export const ListStreams = operation('ListStreams', {
  input: Input,
  output: Output,
  errors: ['LimitExceededException', 'ExpiredNextTokenException', 'InvalidArgumentException'],
})

export type ListStreamsInput = Infer<typeof Input>
export type ListStreamsOutput = Infer<typeof Output>
