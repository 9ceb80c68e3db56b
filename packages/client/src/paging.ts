/**
 * How the operations that answer in pages are continued (KINESIS.md, section 1): the input of the next page from the
 * last input and its answer, or `undefined` at the end.
 */
import {
  DescribeStream,
  type DescribeStreamInput,
  type DescribeStreamOutput,
  ListShards,
  type ListShardsInput,
  type ListShardsOutput,
  ListStreamConsumers,
  type ListStreamConsumersInput,
  type ListStreamConsumersOutput,
  ListStreams,
  type ListStreamsInput,
  type ListStreamsOutput,
  type Operation,
} from '@millrace/protocol'

function afterListShards(input: ListShardsInput, { NextToken }: ListShardsOutput): ListShardsInput | undefined {
  if (NextToken === undefined) return undefined
  // The token stands for stream and filter, and the service refuses both beside it.
  return { NextToken, ...(input.MaxResults === undefined ? {} : { MaxResults: input.MaxResults }) }
}

function afterListStreams(input: ListStreamsInput, output: ListStreamsOutput): ListStreamsInput | undefined {
  if (!output.HasMoreStreams) return undefined
  const limit = input.Limit === undefined ? {} : { Limit: input.Limit }
  if (output.NextToken !== undefined) return { ...limit, NextToken: output.NextToken }
  // Servers older than NextToken are continued by name.
  const last = output.StreamNames.at(-1)
  return last === undefined ? undefined : { ...limit, ExclusiveStartStreamName: last }
}

function afterListStreamConsumers(
  { StreamARN, MaxResults }: ListStreamConsumersInput,
  { NextToken }: ListStreamConsumersOutput,
): ListStreamConsumersInput | undefined {
  if (NextToken === undefined) return undefined
  return { StreamARN, NextToken, ...(MaxResults === undefined ? {} : { MaxResults }) }
}

function afterDescribeStream(
  input: DescribeStreamInput,
  output: DescribeStreamOutput,
): DescribeStreamInput | undefined {
  const { HasMoreShards, Shards } = output.StreamDescription
  const last = Shards.at(-1)
  if (!HasMoreShards || last === undefined) return undefined
  return { ...input, ExclusiveStartShardId: last.ShardId }
}

type NextPage = (input: unknown, output: unknown) => unknown

const continuations: ReadonlyMap<string, NextPage> = new Map<string, unknown>([
  [ListShards.name, afterListShards],
  [ListStreams.name, afterListStreams],
  [ListStreamConsumers.name, afterListStreamConsumers],
  [DescribeStream.name, afterDescribeStream],
]) as ReadonlyMap<string, NextPage>

/** The continuation of an operation. Throws a `TypeError` for one that answers whole. */
export function nextPageOf<I, O>(operation: Operation<I, O>): (input: I, output: O) => I | undefined {
  const next = continuations.get(operation.name)
  if (next === undefined) throw new TypeError(`${operation.name} does not answer in pages: call send().`)
  return next as (input: I, output: O) => I | undefined
}
